/* DEPTHWISE_CONV_2D of int8. */
#ifndef SNUGNET_DEPTHWISE_H
#define SNUGNET_DEPTHWISE_H

#include "snugnet_sums.h"
#include "snugnet_windows.h"

/* The bias is that of the file: places outside of the image are skipped. */
typedef struct {
  snugnet_windows windows;
  uint16_t multiplier;
  int8_t input_zero_point;
  snugnet_sums sums;
} snugnet_depthwise;

/* The part of a window that is inside of the image: where it starts, and its size. */
typedef struct {
  int32_t from;
  uint32_t weight;
  int32_t rows;
  int32_t columns;
} snugnet_inside;

#if defined(SNUGNET_HELIUM)

/* Compute all channels, if each has one output; return their number. */
SNUGNET_KERNEL uint32_t snugnet_convolve_fours(const int8_t *x, const snugnet_depthwise *conv,
                                               const snugnet_inside *inside, int8_t *out) {
  const snugnet_sums sums = conv->sums;
  const uint32_t outputs = sums.outputs;
  const int32_t zero_point = conv->input_zero_point;
  const int32_t column_step = conv->windows.dilation_width * conv->windows.channels;
  const int32_t row_step = conv->windows.dilation_height * conv->windows.width *
                           conv->windows.channels;
  const uint32_t weight_step = conv->windows.kernel_width * outputs;
  if (conv->multiplier != 1) {
    return 0;
  }
  for (uint32_t o = 0; o < outputs; o += 4) {
    const mve_pred16_t exists = vctp32q(outputs - o);
    const int8_t *row = x + (inside->from + (int32_t)o);
    const int8_t *weights = sums.weights + inside->weight + o;
    int32x4_t sum = vldrwq_z_s32(sums.bias + o, exists);
    int32_t some[4];
    for (int32_t a = inside->rows; a != 0; --a) {
      const int8_t *p = row;
      const int8_t *w = weights;
      for (int32_t b = inside->columns; b != 0; --b) {
        const int32x4_t centred = vsubq_n_s32(vldrbq_z_s32(p, exists), zero_point);
        sum = vaddq_s32(sum, vmulq_s32(centred, vldrbq_z_s32(w, exists)));
        p += column_step;
        w += outputs;
      }
      row += row_step;
      weights += weight_step;
    }
    vstrwq_s32(some, sum);
    snugnet_finish_some(some, &sums, o, outputs - o, out + o);
  }
  return outputs;
}

#elif defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__)

/* sum + the lower halves of a and b */
SNUGNET_INLINE int32_t snugnet_multiply_lower(uint32_t a, uint32_t b, int32_t sum) {
  __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}

/* sum + the upper halves of a and b */
SNUGNET_INLINE int32_t snugnet_multiply_upper(uint32_t a, uint32_t b, int32_t sum) {
  __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}

/* Elements 0 and 2 of four int8, each added to a half of the pair */
SNUGNET_INLINE uint32_t snugnet_add_even(uint32_t pair, uint32_t word) {
  __asm__("sxtab16 %0, %1, %2" : "=r"(pair) : "r"(pair), "r"(word));
  return pair;
}

/* Elements 1 and 3 */
SNUGNET_INLINE uint32_t snugnet_add_odd(uint32_t pair, uint32_t word) {
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(pair) : "r"(pair), "r"(word));
  return pair;
}

/* Compute as many channels as are a multiple of four, if each has one output; return their number. */
SNUGNET_KERNEL uint32_t snugnet_convolve_fours(const int8_t *x, const snugnet_depthwise *conv,
                                               const snugnet_inside *inside, int8_t *out) {
  const snugnet_sums sums = conv->sums;
  const uint32_t outputs = sums.outputs;
  const int32_t column_step = conv->windows.dilation_width * conv->windows.channels;
  const int32_t row_step = conv->windows.dilation_height * conv->windows.width *
                           conv->windows.channels;
  const uint32_t weight_step = conv->windows.kernel_width * outputs;
  const uint32_t half = (uint16_t)-conv->input_zero_point;
  const uint32_t offset = half | half << 16;
  uint32_t o = 0;
  uint32_t scale = 0;
  if (conv->multiplier != 1) {
    return 0;
  }
  for (; o + 4 <= outputs; o += 4) {
    const int8_t *row = x + (inside->from + (int32_t)o);
    const int8_t *weights = sums.weights + inside->weight + o;
    int32_t a0 = sums.bias[o];
    int32_t a1 = sums.bias[o + 1];
    int32_t a2 = sums.bias[o + 2];
    int32_t a3 = sums.bias[o + 3];
    for (int32_t a = inside->rows; a != 0; --a) {
      const int8_t *p = row;
      const int8_t *w = weights;
      for (int32_t b = inside->columns; b != 0; --b) {
        const uint32_t word = snugnet_load4(p);
        const uint32_t weight = snugnet_load4(w);
        const uint32_t even = snugnet_add_even(offset, word);
        const uint32_t odd = snugnet_add_odd(offset, word);
        const uint32_t even_weight = snugnet_even(weight);
        const uint32_t odd_weight = snugnet_odd(weight);
        a0 = snugnet_multiply_lower(even, even_weight, a0);
        a1 = snugnet_multiply_lower(odd, odd_weight, a1);
        a2 = snugnet_multiply_upper(even, even_weight, a2);
        a3 = snugnet_multiply_upper(odd, odd_weight, a3);
        p += column_step;
        w += outputs;
      }
      row += row_step;
      weights += weight_step;
    }
    *out++ = snugnet_scale_sum(a0, &sums, sums.q[scale], sums.shift[scale]);
    scale += SNUGNET_SCALE_STEP(&sums);
    *out++ = snugnet_scale_sum(a1, &sums, sums.q[scale], sums.shift[scale]);
    scale += SNUGNET_SCALE_STEP(&sums);
    *out++ = snugnet_scale_sum(a2, &sums, sums.q[scale], sums.shift[scale]);
    scale += SNUGNET_SCALE_STEP(&sums);
    *out++ = snugnet_scale_sum(a3, &sums, sums.q[scale], sums.shift[scale]);
    scale += SNUGNET_SCALE_STEP(&sums);
  }
  return o;
}

#else

SNUGNET_INLINE uint32_t snugnet_convolve_fours(const int8_t *x, const snugnet_depthwise *conv,
                                               const snugnet_inside *inside, int8_t *out) {
  (void)x;
  (void)conv;
  (void)inside;
  (void)out;
  return 0;
}

#endif

/* Compute the outputs of one window, from `first` on. */
SNUGNET_KERNEL void snugnet_convolve_ones(const int8_t *x, const snugnet_depthwise *conv,
                                          const snugnet_inside *inside, uint32_t first,
                                          int8_t *out) {
  const snugnet_sums sums = conv->sums;
  const uint32_t outputs = sums.outputs;
  const int32_t zero_point = conv->input_zero_point;
  const int32_t column_step = conv->windows.dilation_width * conv->windows.channels;
  const int32_t row_step = conv->windows.dilation_height * conv->windows.width *
                           conv->windows.channels;
  const uint32_t weight_step = conv->windows.kernel_width * outputs;
  uint32_t repeat = 0;
  const int8_t *channel = x + (inside->from + (int32_t)first);
  for (uint32_t o = first; o < outputs; ++o) {
    const int8_t *row = channel;
    const int8_t *weights = sums.weights + inside->weight + o;
    int32_t sum = sums.bias[o];
    for (int32_t a = inside->rows; a != 0; --a) {
      const int8_t *p = row;
      const int8_t *w = weights;
      for (int32_t b = inside->columns; b != 0; --b) {
        sum = snugnet_add(sum, (*p - zero_point) * *w);
        p += column_step;
        w += outputs;
      }
      row += row_step;
      weights += weight_step;
    }
    *out++ = snugnet_finish_sum(sum, &sums, o);
    if (++repeat == conv->multiplier) {
      repeat = 0;
      ++channel;
    }
  }
}

SNUGNET_KERNEL void snugnet_convolve_channels(const int8_t *x, int8_t *out,
                                              const snugnet_depthwise *conv) {
  const snugnet_windows *w = &conv->windows;
  for (uint32_t n = 0; n < w->images; ++n) {
    for (int32_t i = 0; i < w->out_height; ++i) {
      const int32_t top = i * w->stride_height - w->padding_top;
      int32_t first_row, end_row;
      snugnet_find_inside(top, w->dilation_height, w->kernel_height, w->height, &first_row,
                          &end_row);
      for (int32_t j = 0; j < w->out_width; ++j) {
        const int32_t left = j * w->stride_width - w->padding_left;
        int32_t first, end;
        snugnet_inside inside;
        uint32_t done;
        snugnet_find_inside(left, w->dilation_width, w->kernel_width, w->width, &first, &end);
        inside.rows = end_row - first_row;
        inside.columns = end - first;
        inside.from = ((top + first_row * w->dilation_height) * w->width + left +
                       first * w->dilation_width) *
                      w->channels;
        inside.weight =
            ((uint32_t)first_row * w->kernel_width + (uint32_t)first) * conv->sums.outputs;
        if (inside.columns == 0) {
          inside.rows = 0;
        }
        done = snugnet_convolve_fours(x, conv, &inside, out);
        snugnet_convolve_ones(x, conv, &inside, done, out + done);
        out += conv->sums.outputs;
      }
    }
    x += (uint32_t)w->height * w->width * w->channels;
  }
}

#endif
