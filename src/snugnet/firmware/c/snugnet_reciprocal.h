/* 1 / x in fixed point, with three steps of Newton's method. */
#ifndef SNUGNET_RECIPROCAL_H
#define SNUGNET_RECIPROCAL_H

#include "snugnet_math.h"

SNUGNET_INLINE int32_t snugnet_saturating_shift_left(int32_t x, int32_t bits) {
  const int64_t shifted = (int64_t)x * ((int64_t)1 << bits);
  return shifted > INT32_MAX ? INT32_MAX : shifted < INT32_MIN ? INT32_MIN : (int32_t)shifted;
}

/* x is positive and has integer_bits; the result, between 1/2 and 1, is 1 / x * 2^over_unit. */
SNUGNET_KERNEL int32_t snugnet_reciprocal(int32_t x, int32_t integer_bits, int32_t *over_unit) {
  int32_t headroom = 0;
  while (((uint32_t)x << headroom) < 0x80000000u) {
    ++headroom;
  }
  *over_unit = integer_bits - headroom;
  /* Half of 1 + a, where x was shifted to 2^31 * (1 + a). */
  const int64_t total = (int64_t)(((uint32_t)x << headroom) - 0x80000000u) + INT32_MAX;
  const int32_t half = (int32_t)((total + 1) / 2);
  int32_t y = snugnet_add(1515870810, snugnet_high_multiply(half, -1010580540));
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t residual = (1 << 29) - snugnet_high_multiply(half, y);
    y = snugnet_add(y, snugnet_saturating_shift_left(snugnet_high_multiply(y, residual), 2));
  }
  return snugnet_saturating_shift_left(y, 1);
}

#endif
