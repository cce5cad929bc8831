/* The largest of int8 integers, several at a time. */
#ifndef SNUGNET_LARGEST_H
#define SNUGNET_LARGEST_H

#include "snugnet_windows.h"

#if defined(SNUGNET_HELIUM)

/* Compute all channels of a window; return their number. */
SNUGNET_INLINE uint32_t snugnet_find_largest(const int8_t *window, uint32_t channels,
                                             uint32_t row_step, int32_t rows, int32_t columns,
                                             int8_t *out) {
  for (uint32_t c = 0; c < channels; c += 16) {
    const mve_pred16_t inside = vctp8q(channels - c);
    int8x16_t largest = vdupq_n_s8(INT8_MIN);
    const int8_t *row = window + c;
    for (int32_t a = rows; a > 0; --a) {
      const int8_t *p = row;
      for (int32_t b = columns; b > 0; --b) {
        largest = vmaxq_s8(largest, vldrbq_z_s8(p, inside));
        p += channels;
      }
      row += row_step;
    }
    vstrbq_p_s8(out + c, largest, inside);
  }
  return channels;
}

#elif defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__)

SNUGNET_INLINE uint32_t snugnet_largest4(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
}

/* Compute as many channels of a window as are a multiple of four; return their number. */
SNUGNET_INLINE uint32_t snugnet_find_largest(const int8_t *window, uint32_t channels,
                                             uint32_t row_step, int32_t rows, int32_t columns,
                                             int8_t *out) {
  uint32_t c = 0;
  for (; c + 4 <= channels; c += 4) {
    uint32_t largest = 0x80808080u;
    const int8_t *row = window + c;
    for (int32_t a = 0; a < rows; ++a) {
      const int8_t *p = row;
      for (int32_t b = 0; b < columns; ++b) {
        uint32_t word;
        memcpy(&word, p, 4);
        largest = snugnet_largest4(largest, word);
        p += channels;
      }
      row += row_step;
    }
    memcpy(out + c, &largest, 4);
  }
  return c;
}

#else

SNUGNET_INLINE uint32_t snugnet_find_largest(const int8_t *window, uint32_t channels,
                                             uint32_t row_step, int32_t rows, int32_t columns,
                                             int8_t *out) {
  (void)window;
  (void)channels;
  (void)row_step;
  (void)rows;
  (void)columns;
  (void)out;
  return 0;
}

#endif

#endif
