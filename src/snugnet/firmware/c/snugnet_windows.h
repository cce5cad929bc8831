/* Windows of an image. */
#ifndef SNUGNET_WINDOWS_H
#define SNUGNET_WINDOWS_H

#include "snugnet_math.h"

/* All numbers are in elements; the padding is above and to the left. */
typedef struct {
  uint16_t images;
  uint16_t height;
  uint16_t width;
  uint16_t channels;
  uint16_t out_height;
  uint16_t out_width;
  uint16_t kernel_height;
  uint16_t kernel_width;
  uint16_t stride_height;
  uint16_t stride_width;
  uint16_t dilation_height;
  uint16_t dilation_width;
  int16_t padding_top;
  int16_t padding_left;
} snugnet_windows;

/* The part of a window that is inside of the image: first and one more than the last element. */
SNUGNET_INLINE void snugnet_find_inside(int32_t start, int32_t step, int32_t kernel, int32_t size,
                                        int32_t *first, int32_t *end) {
  int32_t low = 0;
  int32_t high = kernel;
  while (low < kernel && start + low * step < 0) {
    ++low;
  }
  while (high > low && start + (high - 1) * step >= size) {
    --high;
  }
  *first = low;
  *end = high;
}

#endif
