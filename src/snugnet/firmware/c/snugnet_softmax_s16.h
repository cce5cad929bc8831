/* SOFTMAX of int16 scores, interpolated in tables of 513 numbers. */
#ifndef SNUGNET_SOFTMAX_S16_H
#define SNUGNET_SOFTMAX_S16_H

#include "snugnet_math.h"

typedef struct {
  const int16_t *exponentials;
  const int16_t *inverses;
  snugnet_scaling scaling;
  uint32_t rows;
  uint32_t columns;
} snugnet_softmax_s16;

SNUGNET_INLINE int32_t snugnet_interpolate(const int16_t *table, int32_t x) {
  const int32_t i = 256 + (x >> 7);
  const int32_t base = table[i];
  return base + (((table[i + 1] - base) * (x & 127) + 64) >> 7);
}

SNUGNET_INLINE int32_t snugnet_exponential(int32_t difference, const snugnet_softmax_s16 *softmax) {
  const int32_t scaled = snugnet_scale(difference, softmax->scaling.q, softmax->scaling.shift);
  return snugnet_interpolate(softmax->exponentials,
                             snugnet_clip(snugnet_add(scaled, 32767), INT16_MIN, INT16_MAX));
}

SNUGNET_KERNEL void snugnet_run_softmax_s16(const int16_t *x, int16_t *out,
                                            const snugnet_softmax_s16 *softmax) {
  for (uint32_t row = 0; row < softmax->rows; ++row) {
    int32_t largest = INT16_MIN;
    int32_t sum = 0;
    int32_t headroom = 0;
    int32_t shifted, factor;
    for (uint32_t i = 0; i < softmax->columns; ++i) {
      largest = x[i] > largest ? x[i] : largest;
    }
    for (uint32_t i = 0; i < softmax->columns; ++i) {
      sum += snugnet_exponential(x[i] - largest, softmax);
    }
    while (((uint32_t)sum << headroom) < 0x80000000u) {
      ++headroom;
    }
    shifted = (int32_t)((((int64_t)sum << (headroom - 1)) + (1 << 13)) >> 14);
    factor = snugnet_interpolate(
        softmax->inverses, snugnet_clip(shifted - (1 << 15) - (1 << 16), INT16_MIN, INT16_MAX));
    for (uint32_t i = 0; i < softmax->columns; ++i) {
      const int32_t power = snugnet_exponential(x[i] - largest, softmax);
      const int32_t right = 31 - headroom;
      const int64_t rounded = (int64_t)power * factor + ((int64_t)1 << (right - 1));
      out[i] = (int16_t)snugnet_clip((int32_t)(rounded >> right), 0, 32767);
    }
    x += softmax->columns;
    out += softmax->columns;
  }
}

#endif
