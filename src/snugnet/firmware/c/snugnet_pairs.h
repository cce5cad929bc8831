/* Functions of two integers, and loops over two tensors that broadcast. */
#ifndef SNUGNET_PAIRS_H
#define SNUGNET_PAIRS_H

#include "snugnet_math.h"

#define SNUGNET_BROADCAST_LOOPS 6

/* From the outermost to the innermost loop: its count, and the steps of both inputs in elements. */
typedef struct {
  uint32_t counts[SNUGNET_BROADCAST_LOOPS];
  int32_t first_steps[SNUGNET_BROADCAST_LOOPS];
  int32_t second_steps[SNUGNET_BROADCAST_LOOPS];
} snugnet_broadcast;

typedef struct {
  int32_t first_zero_point;
  int32_t second_zero_point;
  int32_t left;
  int32_t sign;
  snugnet_scaling first;
  snugnet_scaling second;
  snugnet_scaling scaling;
  snugnet_output output;
} snugnet_addition;

/* ADD and SUB */
SNUGNET_INLINE int32_t snugnet_add_scaled(int32_t a, int32_t b, const snugnet_addition *addition) {
  const int32_t first =
      snugnet_scale(snugnet_shift_left(a - addition->first_zero_point, addition->left),
                    addition->first.q, addition->first.shift);
  const int32_t second =
      snugnet_scale(snugnet_shift_left(b - addition->second_zero_point, addition->left),
                    addition->second.q, addition->second.shift);
  const int32_t sum = snugnet_add(first, addition->sign < 0 ? snugnet_subtract(0, second) : second);
  return snugnet_finish(snugnet_scale(sum, addition->scaling.q, addition->scaling.shift),
                        &addition->output);
}

/* ADD and SUB of int16 in LiteRT, if all scales are powers of two */
SNUGNET_INLINE int32_t snugnet_add_shifted(int32_t a, int32_t b, const snugnet_addition *addition) {
  const int32_t first = snugnet_divide_by_power(a, addition->first.shift);
  const int32_t second = snugnet_divide_by_power(b, addition->second.shift);
  const int32_t sum = first + addition->sign * second;
  return snugnet_clip(snugnet_clip(sum, INT16_MIN, INT16_MAX), addition->output.low,
                      addition->output.high);
}

typedef struct {
  int32_t first_zero_point;
  int32_t second_zero_point;
  snugnet_scaling scaling;
  snugnet_scaling positive;
  snugnet_output output;
} snugnet_product;

SNUGNET_INLINE int32_t snugnet_multiply_scaled(int32_t a, int32_t b,
                                               const snugnet_product *product) {
  const int32_t raw =
      snugnet_multiply(a - product->first_zero_point, b - product->second_zero_point);
  return snugnet_finish(snugnet_scale(raw, product->scaling.q, product->scaling.shift),
                        &product->output);
}

/* PRELU: the second input is alpha */
SNUGNET_INLINE int32_t snugnet_rescale_by_alpha(int32_t a, int32_t b,
                                                const snugnet_product *product) {
  const int32_t centred = a - product->first_zero_point;
  if (centred < 0) {
    return snugnet_multiply_scaled(a, b, product);
  }
  return snugnet_finish(snugnet_scale(centred, product->positive.q, product->positive.shift),
                        &product->output);
}

SNUGNET_INLINE int32_t snugnet_maximum(int32_t a, int32_t b, const void *none) {
  (void)none;
  return a > b ? a : b;
}

SNUGNET_INLINE int32_t snugnet_minimum(int32_t a, int32_t b, const void *none) {
  (void)none;
  return a < b ? a : b;
}

#endif
