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

#if defined(SNUGNET_HELIUM)

/* As snugnet_scale, of four numbers. */
SNUGNET_INLINE int32x4_t snugnet_scale_four(int32x4_t x, const snugnet_scaling *scaling) {
  const int32_t left = scaling->shift > 0 ? scaling->shift : 0;
  const int32x4_t right = vdupq_n_s32(scaling->shift - left);
  x = vqrdmulhq_n_s32(vshlq_r_s32(x, left), scaling->q);
  /* Halves are rounded up, so negative numbers are moved before. */
  x = vaddq_s32(x, vshrq_n_s32(vandq_s32(x, right), 31));
  return vrshlq_s32(x, right);
}

SNUGNET_INLINE int32x4_t snugnet_load_four(const int8_t *p, int32_t step, mve_pred16_t inside) {
  return step ? vldrbq_z_s32(p, inside) : vdupq_n_s32(*p);
}

/* ADD and SUB of neighbours, or of neighbours and one number; returns how many are computed. */
SNUGNET_INLINE uint32_t snugnet_add_fours(const int8_t *a, int32_t a_step, const int8_t *b,
                                          int32_t b_step, uint32_t count, int8_t *out,
                                          const snugnet_addition *addition) {
  if (a_step < 0 || a_step > 1 || b_step < 0 || b_step > 1) {
    return 0;
  }
  for (uint32_t i = 0; i < count; i += 4) {
    const mve_pred16_t inside = vctp32q(count - i);
    int32x4_t x = vsubq_n_s32(snugnet_load_four(a, a_step, inside), addition->first_zero_point);
    int32x4_t y = vsubq_n_s32(snugnet_load_four(b, b_step, inside), addition->second_zero_point);
    x = snugnet_scale_four(vshlq_r_s32(x, addition->left), &addition->first);
    y = snugnet_scale_four(vshlq_r_s32(y, addition->left), &addition->second);
    x = addition->sign < 0 ? vsubq_s32(x, y) : vaddq_s32(x, y);
    x = vaddq_n_s32(snugnet_scale_four(x, &addition->scaling), addition->output.zero_point);
    x = vmaxq_s32(x, vdupq_n_s32(addition->output.low));
    x = vminq_s32(x, vdupq_n_s32(addition->output.high));
    vstrbq_p_s32(out + i, x, inside);
    a += 4 * a_step;
    b += 4 * b_step;
  }
  return count;
}

#else

SNUGNET_INLINE uint32_t snugnet_add_fours(const int8_t *a, int32_t a_step, const int8_t *b,
                                          int32_t b_step, uint32_t count, int8_t *out,
                                          const snugnet_addition *addition) {
  (void)a;
  (void)a_step;
  (void)b;
  (void)b_step;
  (void)count;
  (void)out;
  (void)addition;
  return 0;
}

#endif

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
