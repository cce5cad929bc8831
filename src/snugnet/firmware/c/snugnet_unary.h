/* Operators of one integer that are computed, not looked up. */
#ifndef SNUGNET_UNARY_H
#define SNUGNET_UNARY_H

#include "snugnet_math.h"

typedef struct {
  int32_t input_zero_point;
  snugnet_scaling positive;
  snugnet_scaling negative;
  int32_t sign;
  snugnet_output output;
} snugnet_rescaling;

/* RELU, LEAKY_RELU and QUANTIZE: numbers below 0 may have another multiplier. */
SNUGNET_INLINE int32_t snugnet_rescale(int32_t x, const snugnet_rescaling *rescaling) {
  const int32_t centred = snugnet_subtract(x, rescaling->input_zero_point);
  const snugnet_scaling *scaling = centred < 0 ? &rescaling->negative : &rescaling->positive;
  const int32_t scaled = snugnet_scale(centred, scaling->q, scaling->shift);
  return snugnet_finish(centred < 0 ? snugnet_multiply(rescaling->sign, scaled) : scaled,
                        &rescaling->output);
}

/* A function of int16, interpolated in the table of the sigmoid. */
typedef struct {
  const uint32_t *table;
  int32_t multiplier;
  int32_t half;
  int32_t shift;
} snugnet_sigmoid;

SNUGNET_INLINE int16_t snugnet_logistic(int16_t value, const snugnet_sigmoid *sigmoid) {
  const int32_t x = (value * sigmoid->multiplier + sigmoid->half) >> sigmoid->shift;
  const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x);
  const uint32_t i = magnitude >> 9;
  uint32_t result = 0x7FFFu << 10;
  if (i < 255) {
    const uint32_t base = sigmoid->table[i];
    result = (base << 9) + (magnitude & 511) * (sigmoid->table[i + 1] - base);
  }
  result = x >= 0 ? result + 512 : (1u << 25) - result + 511;
  return (int16_t)(result >> 10);
}

SNUGNET_INLINE int16_t snugnet_tanh(int16_t value, const snugnet_sigmoid *sigmoid) {
  const int32_t x = (value * sigmoid->multiplier + sigmoid->half) >> sigmoid->shift;
  const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x);
  const uint32_t i = magnitude >> 8;
  int32_t result = 0xFFFF << 8;
  if (i < 255) {
    const uint32_t base = sigmoid->table[i];
    result = (int32_t)((base << 8) + (magnitude & 255) * (sigmoid->table[i + 1] - base));
  }
  result = x >= 0 ? result - (1 << 23) + (1 << 7) : -result + (1 << 23) + (1 << 7) - 1;
  return (int16_t)(result >> 8);
}

#endif
