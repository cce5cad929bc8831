/* Fixed-point arithmetic of TensorFlow Lite's reference kernels, bit-exact.
 *
 * The formulas come from gemmlowp's fixedpoint.h and TensorFlow Lite's common.h, in the build that
 * rounds twice. int32 sums wrap, so they are computed as uint32.
 */
#ifndef SNUGNET_MATH_H
#define SNUGNET_MATH_H

#include <stdint.h>
#include <string.h>

/* Vector instructions of Cortex-M55: Helium with integers. */
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1) && defined(__GNUC__)
#define SNUGNET_HELIUM 1
#include <arm_mve.h>
#endif

#if defined(__GNUC__)
#define SNUGNET_KERNEL static __attribute__((noinline, unused))
#define SNUGNET_INLINE static inline __attribute__((always_inline, unused))
#else
#define SNUGNET_KERNEL static
#define SNUGNET_INLINE static
#endif

/* The real multiplier q * 2^(shift - 31). */
typedef struct {
  int32_t q;
  int32_t shift;
} snugnet_scaling;

/* How a scaled number becomes an output. */
typedef struct {
  int32_t zero_point;
  int32_t low;
  int32_t high;
} snugnet_output;

SNUGNET_INLINE int32_t snugnet_add(int32_t a, int32_t b) {
  return (int32_t)((uint32_t)a + (uint32_t)b);
}

SNUGNET_INLINE int32_t snugnet_subtract(int32_t a, int32_t b) {
  return (int32_t)((uint32_t)a - (uint32_t)b);
}

SNUGNET_INLINE int32_t snugnet_multiply(int32_t a, int32_t b) {
  return (int32_t)((uint32_t)a * (uint32_t)b);
}

SNUGNET_INLINE int32_t snugnet_shift_left(int32_t a, int32_t bits) {
  return (int32_t)((uint32_t)a << bits);
}

SNUGNET_INLINE int32_t snugnet_clip(int32_t x, int32_t low, int32_t high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

/* a * b / 2^31, rounded half up. b is not the lowest int32. */
SNUGNET_INLINE int32_t snugnet_high_multiply(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^exponent, rounded half away from zero; the exponent is 0 to 31. */
SNUGNET_INLINE int32_t snugnet_divide_by_power(int32_t x, int32_t exponent) {
  const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1);
  const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

/* x * q * 2^(shift - 31), rounded twice. */
SNUGNET_INLINE int32_t snugnet_scale(int32_t x, int32_t q, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t high = snugnet_high_multiply(snugnet_shift_left(x, left), q);
  return snugnet_divide_by_power(high, left - shift);
}

/* As snugnet_scale for an int64 x: the multiplier is rounded to 16 bits, the product once. */
SNUGNET_INLINE int32_t snugnet_scale_wide(int64_t x, int32_t q, int32_t shift) {
  const int64_t reduced = q < 0x7FFF0000 ? (q + (1 << 15)) >> 16 : 0x7FFF;
  const int32_t total = 15 - shift;
  const uint64_t product = (uint64_t)x * (uint64_t)reduced + ((uint64_t)1 << (total - 1));
  return (int32_t)((int64_t)product >> total);
}

SNUGNET_INLINE int32_t snugnet_finish(int32_t scaled, const snugnet_output *output) {
  return snugnet_clip(snugnet_add(scaled, output->zero_point), output->low, output->high);
}

#endif
