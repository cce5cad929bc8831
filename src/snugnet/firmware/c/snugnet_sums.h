/* Sums of products of inputs and weights: what convolutions and dense layers have in common. */
#ifndef SNUGNET_SUMS_H
#define SNUGNET_SUMS_H

#include "snugnet_math.h"

/* Weights of some outputs, and how the sums become outputs.
 *
 * The bias contains - input zero point * sum of the weights, so that the products take the inputs as
 * they are. The weights of an output end with zeros, so that words may be read, which may have up to
 * three bytes after the inputs. scale_step is 0 if all outputs have the same multiplier, otherwise 1. The shifts are to
 * the right.
 */
typedef struct {
  const int8_t *weights;
  const int32_t *bias;
  const int32_t *q;
  const int8_t *shift;
  uint16_t outputs;
  uint8_t scale_step;
  uint8_t is_simple;
  uint8_t is_limited;
  int16_t half; /* 1 + 2 * output zero point */
  uint32_t depth;
  uint32_t stride; /* from the weights of an output to those of the next, a multiple of 4 */
  snugnet_output output;
} snugnet_sums;

/* Questions whose answer is the same for all layers of a model are answered by the compiler. */
#define SNUGNET_IS_SIMPLE(sums) (SNUGNET_ALL_SIMPLE || (sums)->is_simple)
#define SNUGNET_IS_LIMITED(sums) (SNUGNET_ANY_LIMITED && (sums)->is_limited)
#define SNUGNET_SCALE_STEP(sums) (SNUGNET_ALL_SCALED ? 1u : (sums)->scale_step)

#if defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__)

/* (2 a b + 2^31) / 2^32 = (a b + 2^30) / 2^31, for |a| below 2^30 */
SNUGNET_INLINE int32_t snugnet_fast_high_multiply(int32_t a, int32_t b) {
  int32_t high;
  __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(snugnet_shift_left(a, 1)), "r"(b));
  return high;
}

SNUGNET_INLINE uint32_t snugnet_load4(const int8_t *p) {
  uint32_t word;
  memcpy(&word, p, 4);
  return word;
}

/* Elements 0 and 2 of four int8, as int16. */
SNUGNET_INLINE uint32_t snugnet_even(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
  return pair;
}

/* Elements 1 and 3 of four int8, as int16. */
SNUGNET_INLINE uint32_t snugnet_odd(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
  return pair;
}

/* sum + a[0] * b[0] + a[1] * b[1] */
SNUGNET_INLINE int32_t snugnet_multiply_pairs(uint32_t a, uint32_t b, int32_t sum) {
  __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}

SNUGNET_INLINE int32_t snugnet_saturate(int32_t x) {
  int32_t result;
  __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x));
  return result;
}

#else

SNUGNET_INLINE int32_t snugnet_fast_high_multiply(int32_t a, int32_t b) {
  return snugnet_high_multiply(a, b);
}

SNUGNET_INLINE int32_t snugnet_saturate(int32_t x) {
  return snugnet_clip(x, INT8_MIN, INT8_MAX);
}

#endif

/* Scale a sum and finish it.
 *
 * If all shifts are to the right, by at least one bit, and no intermediate result overflows, the
 * second rounding, half away from zero, is one addition and two shifts.
 */
SNUGNET_INLINE int8_t snugnet_scale_sum(int32_t sum, const snugnet_sums *sums, int32_t q,
                                        int32_t right) {
  int32_t result;
  if (SNUGNET_IS_SIMPLE(sums)) {
    const int32_t high = snugnet_fast_high_multiply(sum, q);
    result = (((high + (high >> 31)) >> (right - 1)) + sums->half) >> 1;
  } else {
    result = snugnet_add(snugnet_scale(sum, q, -right), sums->output.zero_point);
  }
  if (SNUGNET_IS_LIMITED(sums)) {
    result = snugnet_clip(result, sums->output.low, sums->output.high);
  }
  return (int8_t)snugnet_saturate(result);
}

SNUGNET_INLINE int8_t snugnet_finish_sum(int32_t sum, const snugnet_sums *sums, uint32_t output) {
  const uint32_t i = output * SNUGNET_SCALE_STEP(sums);
  return snugnet_scale_sum(sum, sums, sums->q[i], sums->shift[i]);
}

#if defined(SNUGNET_HELIUM)

/* Scale and finish up to four sums of neighbouring outputs; see snugnet_scale_sum. */
SNUGNET_INLINE void snugnet_finish_four(int32x4_t sum, const snugnet_sums *sums, uint32_t output,
                                        mve_pred16_t inside, int8_t *out) {
  const uint32_t i = output * SNUGNET_SCALE_STEP(sums);
  int32x4_t q, right, high;
  if (SNUGNET_SCALE_STEP(sums)) {
    q = vldrwq_z_s32(sums->q + i, inside);
    right = vldrbq_z_s32(sums->shift + i, inside);
  } else {
    q = vdupq_n_s32(sums->q[0]);
    right = vdupq_n_s32(sums->shift[0]);
  }
  high = vqrdmulhq_s32(sum, q);
  high = vaddq_s32(high, vshrq_n_s32(high, 31));
  high = vshlq_s32(high, vsubq_s32(vdupq_n_s32(1), right));
  high = vshrq_n_s32(vaddq_n_s32(high, sums->half), 1);
  high = vmaxq_s32(high, vdupq_n_s32(sums->output.low));
  high = vminq_s32(high, vdupq_n_s32(sums->output.high));
  vstrbq_p_s32(out, high, inside);
}

SNUGNET_INLINE void snugnet_finish_some(const int32_t *sum, const snugnet_sums *sums,
                                        uint32_t output, uint32_t count, int8_t *out) {
  if (SNUGNET_IS_SIMPLE(sums)) {
    snugnet_finish_four(vldrwq_s32(sum), sums, output, vctp32q(count), out);
  } else {
    for (uint32_t i = 0; i < count && i < 4; ++i) {
      out[i] = snugnet_finish_sum(sum[i], sums, output + i);
    }
  }
}

/* Products of `depth` inputs and weights: two outputs of two rows. The loop counts bytes, and the
 * last turn leaves out those after the end. Compilers do not generate such loops from C.
 */
SNUGNET_INLINE void snugnet_multiply_two(const int8_t *x, const int8_t *y, const int8_t *w0,
                                         const int8_t *w1, uint32_t depth, int32_t *a0,
                                         int32_t *a1, int32_t *b0, int32_t *b1) {
  __asm__ volatile(
      "wlstp.8 lr, %[depth], 1f\n"
      "2:\n"
      "vldrb.8 q0, [%[x]], #16\n"
      "vldrb.8 q1, [%[w0]], #16\n"
      "vmladava.s8 %[a0], q0, q1\n"
      "vldrb.8 q2, [%[y]], #16\n"
      "vmladava.s8 %[b0], q2, q1\n"
      "vldrb.8 q3, [%[w1]], #16\n"
      "vmladava.s8 %[a1], q0, q3\n"
      "vmladava.s8 %[b1], q2, q3\n"
      "letp lr, 2b\n"
      "1:\n"
      : [x] "+r"(x), [y] "+r"(y), [w0] "+r"(w0), [w1] "+r"(w1), [a0] "+Te"(*a0), [a1] "+Te"(*a1),
        [b0] "+Te"(*b0), [b1] "+Te"(*b1)
      : [depth] "r"(depth)
      : "q0", "q1", "q2", "q3", "lr", "memory");
}

/* Four outputs of one row. */
SNUGNET_INLINE void snugnet_multiply_four(const int8_t *x, const int8_t *w0, const int8_t *w1,
                                          const int8_t *w2, const int8_t *w3, uint32_t depth,
                                          int32_t *a) {
  int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
  __asm__ volatile(
      "wlstp.8 lr, %[depth], 1f\n"
      "2:\n"
      "vldrb.8 q0, [%[x]], #16\n"
      "vldrb.8 q1, [%[w0]], #16\n"
      "vmladava.s8 %[a0], q0, q1\n"
      "vldrb.8 q2, [%[w1]], #16\n"
      "vmladava.s8 %[a1], q0, q2\n"
      "vldrb.8 q3, [%[w2]], #16\n"
      "vmladava.s8 %[a2], q0, q3\n"
      "vldrb.8 q4, [%[w3]], #16\n"
      "vmladava.s8 %[a3], q0, q4\n"
      "letp lr, 2b\n"
      "1:\n"
      : [x] "+r"(x), [w0] "+r"(w0), [w1] "+r"(w1), [w2] "+r"(w2), [w3] "+r"(w3), [a0] "+Te"(a0),
        [a1] "+Te"(a1), [a2] "+Te"(a2), [a3] "+Te"(a3)
      : [depth] "r"(depth)
      : "q0", "q1", "q2", "q3", "q4", "lr", "memory");
  a[0] = a0;
  a[1] = a1;
  a[2] = a2;
  a[3] = a3;
}

/* Compute all outputs of one row of inputs. */
SNUGNET_KERNEL void snugnet_multiply_row(const int8_t *x, const snugnet_sums *shared, int8_t *out) {
  const snugnet_sums local = *shared;
  const snugnet_sums *const sums = &local;
  const int8_t *weights = sums->weights;
  const uint32_t stride = sums->stride;
  for (uint32_t o = 0; o < sums->outputs; o += 4) {
    const uint32_t count = sums->outputs - o;
    int32_t a[4];
    /* An output that does not exist gets the weights of the first one. */
    snugnet_multiply_four(x, weights, count > 1 ? weights + stride : weights,
                          count > 2 ? weights + 2 * stride : weights,
                          count > 3 ? weights + 3 * stride : weights, sums->depth, a);
    weights += 4 * stride;
    vstrwq_s32(a, vaddq_s32(vldrwq_s32(a), vldrwq_z_s32(sums->bias + o, vctp32q(count))));
    snugnet_finish_some(a, sums, o, count, out);
    out += 4;
  }
}

/* Compute all outputs of two rows of inputs. */
SNUGNET_KERNEL void snugnet_multiply_rows(const int8_t *x, const int8_t *y,
                                          const snugnet_sums *shared, int8_t *out, int8_t *out2) {
  const snugnet_sums local = *shared;
  const snugnet_sums *const sums = &local;
  const int8_t *weights = sums->weights;
  const uint32_t stride = sums->stride;
  for (uint32_t o = 0; o < sums->outputs; o += 4) {
    const uint32_t count = sums->outputs - o;
    int32_t a[4] = {0, 0, 0, 0};
    int32_t b[4] = {0, 0, 0, 0};
    int32x4_t bias;
    if (count == 1) {
      snugnet_multiply_two(x, y, weights, weights, sums->depth, &a[0], &a[1], &b[0], &b[1]);
    } else {
      snugnet_multiply_two(x, y, weights, weights + stride, sums->depth, &a[0], &a[1], &b[0],
                           &b[1]);
      if (count > 2) {
        const int8_t *w2 = weights + 2 * stride;
        const int8_t *w3 = count > 3 ? w2 + stride : w2;
        snugnet_multiply_two(x, y, w2, w3, sums->depth, &a[2], &a[3], &b[2], &b[3]);
      }
    }
    weights += 4 * stride;
    bias = vldrwq_z_s32(sums->bias + o, vctp32q(count));
    vstrwq_s32(a, vaddq_s32(vldrwq_s32(a), bias));
    vstrwq_s32(b, vaddq_s32(vldrwq_s32(b), bias));
    snugnet_finish_some(a, sums, o, count, out);
    snugnet_finish_some(b, sums, o, count, out2);
    out += 4;
    out2 += 4;
  }
}

#elif defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__)

/* Compute all outputs of one row of inputs. */
SNUGNET_KERNEL void snugnet_multiply_row(const int8_t *x, const snugnet_sums *shared, int8_t *out) {
  const snugnet_sums local = *shared;
  const snugnet_sums *const sums = &local;
  const int8_t *weights = sums->weights;
  uint32_t o = 0;
  while (o < sums->outputs) {
    /* Three outputs, or the last one alone. */
    const uint32_t is_three = o + 3 <= sums->outputs;
    const int8_t *w0 = weights;
    const int8_t *w1 = is_three ? w0 + sums->stride : w0;
    const int8_t *w2 = is_three ? w1 + sums->stride : w0;
    const int8_t *p = x;
    const int8_t *const end = w0 + sums->stride;
    int32_t a0 = sums->bias[o];
    int32_t a1 = 0;
    int32_t a2 = 0;
    if (is_three) {
      a1 = sums->bias[o + 1];
      a2 = sums->bias[o + 2];
    }
    do {
      const uint32_t word = snugnet_load4(p);
      const uint32_t even = snugnet_even(word);
      const uint32_t odd = snugnet_odd(word);
      uint32_t v = snugnet_load4(w0);
      a0 = snugnet_multiply_pairs(even, snugnet_even(v), a0);
      a0 = snugnet_multiply_pairs(odd, snugnet_odd(v), a0);
      v = snugnet_load4(w1);
      a1 = snugnet_multiply_pairs(even, snugnet_even(v), a1);
      a1 = snugnet_multiply_pairs(odd, snugnet_odd(v), a1);
      v = snugnet_load4(w2);
      a2 = snugnet_multiply_pairs(even, snugnet_even(v), a2);
      a2 = snugnet_multiply_pairs(odd, snugnet_odd(v), a2);
      p += 4;
      w0 += 4;
      w1 += 4;
      w2 += 4;
    } while (w0 != end);
    weights = w2;
    *out++ = snugnet_finish_sum(a0, sums, o++);
    if (is_three) {
      *out++ = snugnet_finish_sum(a1, sums, o++);
      *out++ = snugnet_finish_sum(a2, sums, o++);
    }
  }
}

/* Compute all outputs of two rows of inputs, two outputs at a time. */
SNUGNET_KERNEL void snugnet_multiply_rows(const int8_t *x, const int8_t *y,
                                          const snugnet_sums *shared, int8_t *out, int8_t *out2) {
  /* A copy of its own cannot change when outputs are written. */
  const snugnet_sums local = *shared;
  const snugnet_sums *const sums = &local;
  const uint32_t outputs = sums->outputs;
  const int8_t *w0 = sums->weights;
  uint32_t o = 0;
  if (outputs == 1) {
    snugnet_multiply_row(x, shared, out);
    snugnet_multiply_row(y, shared, out2);
    return;
  }
  for (;;) {
    const int8_t *p = x;
    const int8_t *r = y;
    const int8_t *const end = w0 + sums->stride;
    const int8_t *w1 = end;
    int32_t a0 = sums->bias[o];
    int32_t a1 = sums->bias[o + 1];
    int32_t b0 = a0;
    int32_t b1 = a1;
    uint32_t scale = o * SNUGNET_SCALE_STEP(sums);
    int32_t q, right;
    do {
      uint32_t word = snugnet_load4(p);
      const uint32_t x_even = snugnet_even(word);
      const uint32_t x_odd = snugnet_odd(word);
      uint32_t y_even, y_odd, v, u;
      word = snugnet_load4(r);
      y_even = snugnet_even(word);
      y_odd = snugnet_odd(word);
      v = snugnet_load4(w0);
      u = snugnet_even(v);
      v = snugnet_odd(v);
      a0 = snugnet_multiply_pairs(x_even, u, a0);
      b0 = snugnet_multiply_pairs(y_even, u, b0);
      a0 = snugnet_multiply_pairs(x_odd, v, a0);
      b0 = snugnet_multiply_pairs(y_odd, v, b0);
      v = snugnet_load4(w1);
      u = snugnet_even(v);
      v = snugnet_odd(v);
      a1 = snugnet_multiply_pairs(x_even, u, a1);
      b1 = snugnet_multiply_pairs(y_even, u, b1);
      a1 = snugnet_multiply_pairs(x_odd, v, a1);
      b1 = snugnet_multiply_pairs(y_odd, v, b1);
      p += 4;
      r += 4;
      w0 += 4;
      w1 += 4;
    } while (w0 != end);
    q = sums->q[scale];
    right = sums->shift[scale];
    out[o] = snugnet_scale_sum(a0, sums, q, right);
    out2[o] = snugnet_scale_sum(b0, sums, q, right);
    scale += SNUGNET_SCALE_STEP(sums);
    q = sums->q[scale];
    right = sums->shift[scale];
    out[o + 1] = snugnet_scale_sum(a1, sums, q, right);
    out2[o + 1] = snugnet_scale_sum(b1, sums, q, right);
    o += 2;
    w0 = w1;
    if (o == outputs) {
      return;
    }
    if (o + 1 == outputs) { /* the last output alone: with the one before it again */
      o -= 1;
      w0 = end;
    }
  }
}

#else

/* Compute all outputs of one row of inputs. The loops count up to 0, which needs no comparison. */
SNUGNET_KERNEL void snugnet_multiply_row(const int8_t *x, const snugnet_sums *shared, int8_t *out) {
  /* A copy of its own cannot change when outputs are written. */
  const snugnet_sums local = *shared;
  const snugnet_sums *const sums = &local;
  const int32_t depth = (int32_t)sums->depth;
  const int8_t *w0 = sums->weights + depth;
  uint32_t o = 0;
  x += depth;
  for (; o + 2 <= sums->outputs; o += 2) {
    const int8_t *w1 = w0 + sums->stride;
    int32_t a0 = sums->bias[o];
    int32_t a1 = sums->bias[o + 1];
    for (int32_t k = -depth; k != 0; ++k) {
      const int32_t value = x[k];
      a0 = snugnet_add(a0, value * w0[k]);
      a1 = snugnet_add(a1, value * w1[k]);
    }
    w0 = w1 + sums->stride;
    out[o] = snugnet_finish_sum(a0, sums, o);
    out[o + 1] = snugnet_finish_sum(a1, sums, o + 1);
  }
  if (o < sums->outputs) {
    int32_t a0 = sums->bias[o];
    for (int32_t k = -depth; k != 0; ++k) {
      a0 = snugnet_add(a0, x[k] * w0[k]);
    }
    out[o] = snugnet_finish_sum(a0, sums, o);
  }
}

/* Compute all outputs of two rows of inputs. */
SNUGNET_INLINE void snugnet_multiply_rows(const int8_t *x, const int8_t *y,
                                          const snugnet_sums *shared, int8_t *out, int8_t *out2) {
  snugnet_multiply_row(x, shared, out);
  snugnet_multiply_row(y, shared, out2);
}

#endif

#endif
