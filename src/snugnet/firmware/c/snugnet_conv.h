/* CONV_2D of int8: each window is gathered to a row, unless it already is one. */
#ifndef SNUGNET_CONV_H
#define SNUGNET_CONV_H

#include "snugnet_sums.h"
#include "snugnet_windows.h"

typedef struct {
  snugnet_windows windows;
  uint16_t groups;
  int8_t input_zero_point;
  snugnet_sums sums;
} snugnet_conv;

/* The memcpy of small C libraries copies bytes; this copies words where they need no alignment. */
SNUGNET_INLINE void snugnet_copy_bytes(int8_t *to, const int8_t *from, uint32_t bytes) {
#if defined(SNUGNET_HELIUM)
  __asm__ volatile(
      "wlstp.8 lr, %[bytes], 1f\n"
      "2:\n"
      "vldrb.8 q0, [%[from]], #16\n"
      "vstrb.8 q0, [%[to]], #16\n"
      "letp lr, 2b\n"
      "1:\n"
      : [from] "+r"(from), [to] "+r"(to)
      : [bytes] "r"(bytes)
      : "q0", "lr", "memory");
#elif defined(__ARM_FEATURE_UNALIGNED)
  for (; bytes >= 4; bytes -= 4) {
    memcpy(to, from, 4);
    to += 4;
    from += 4;
  }
  for (; bytes != 0; --bytes) {
    *to++ = *from++;
  }
#else
  memcpy(to, from, bytes);
#endif
}

/* Copy a window of some channels to a row; places outside of the image get the zero point. */
SNUGNET_KERNEL void snugnet_gather(const int8_t *image, const snugnet_conv *conv, int32_t top,
                                   int32_t left, uint32_t channels, int8_t *row) {
  const snugnet_windows *w = &conv->windows;
  const uint32_t row_bytes = w->kernel_width * channels;
  const int32_t step = w->dilation_width * w->channels;
  int32_t first, end;
  snugnet_find_inside(left, w->dilation_width, w->kernel_width, w->width, &first, &end);
  for (int32_t i = 0; i < w->kernel_height; ++i) {
    const int32_t y = top + i * w->dilation_height;
    if (y < 0 || y >= w->height || first == end) {
      memset(row, conv->input_zero_point, row_bytes);
    } else {
      const int8_t *from =
          image + (y * w->width + left + first * w->dilation_width) * w->channels;
      int8_t *to = row;
      if (first != 0) {
        memset(to, conv->input_zero_point, (uint32_t)first * channels);
        to += (uint32_t)first * channels;
      }
      if ((uint32_t)step == channels) {
        const uint32_t bytes = (uint32_t)(end - first) * channels;
        snugnet_copy_bytes(to, from, bytes);
        to += bytes;
      } else {
        for (int32_t j = first; j < end; ++j) {
          snugnet_copy_bytes(to, from, channels);
          to += channels;
          from += step;
        }
      }
      if (end != w->kernel_width) {
        memset(to, conv->input_zero_point, (uint32_t)(w->kernel_width - end) * channels);
      }
    }
    row += row_bytes;
  }
}

/* scratch has the size of two windows of a group. */
SNUGNET_KERNEL void snugnet_convolve(const int8_t *x, int8_t *out, int8_t *scratch,
                                     const snugnet_conv *conv) {
  const snugnet_windows *w = &conv->windows;
  const uint32_t channels = (uint32_t)w->channels / conv->groups;
  /* Windows of one row of the image are rows of inputs, if they are inside. */
  const uint32_t is_row = conv->groups == 1 && w->dilation_width == 1 &&
                          (w->kernel_height == 1 ||
                           (w->kernel_width == w->width && w->dilation_height == 1));
  const int32_t last_top = w->height - (w->kernel_height - 1) * w->dilation_height - 1;
  const int32_t last_left = w->width - w->kernel_width;
  const uint32_t out_step = (uint32_t)conv->sums.outputs * conv->groups;
  snugnet_sums sums = conv->sums;
  for (uint32_t group = 0; group < conv->groups; ++group) {
    const int8_t *image = x + group * channels;
    int8_t *to = out + group * sums.outputs;
    const int8_t *waiting = 0;
    for (uint32_t n = 0; n < w->images; ++n) {
      for (int32_t i = 0; i < w->out_height; ++i) {
        const int32_t top = i * w->stride_height - w->padding_top;
        const uint32_t is_inside = is_row && top >= 0 && top <= last_top;
        for (int32_t j = 0; j < w->out_width; ++j) {
          const int32_t left = j * w->stride_width - w->padding_left;
          const int8_t *row;
          if (is_inside && left >= 0 && left <= last_left) {
            row = image + (top * w->width + left) * w->channels;
          } else {
            int8_t *gathered = waiting == scratch ? scratch + sums.stride : scratch;
            snugnet_gather(image, conv, top, left, channels, gathered);
            row = gathered;
          }
          if (waiting == 0) {
            waiting = row;
          } else {
            snugnet_multiply_rows(waiting, row, &sums, to, to + out_step);
            waiting = 0;
            to += 2 * out_step;
          }
        }
      }
      image += (uint32_t)w->height * w->width * w->channels;
    }
    if (waiting != 0) {
      snugnet_multiply_row(waiting, &sums, to);
    }
    sums.weights += sums.outputs * sums.stride;
    sums.bias += sums.outputs;
    sums.q += sums.outputs * sums.scale_step;
    sums.shift += sums.outputs * sums.scale_step;
  }
}

#endif
