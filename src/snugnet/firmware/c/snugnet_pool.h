/* MAX_POOL_2D and AVERAGE_POOL_2D. */
#include "snugnet_largest.h"

typedef struct {
  snugnet_windows windows;
  uint8_t is_mean;
  uint8_t is_limited;
  int16_t low;
  int16_t high;
} snugnet_pool_SUFFIX;

/* The mean is that of the elements inside of the image, rounded half away from zero. */
SNUGNET_KERNEL void snugnet_run_pool_SUFFIX(const ELEMENT *x, ELEMENT *out,
                                            const snugnet_pool_SUFFIX *pool) {
  const snugnet_windows *w = &pool->windows;
  const uint32_t channels = w->channels;
  const uint32_t row_step = w->width * channels;
  for (uint32_t n = 0; n < w->images; ++n) {
    for (int32_t i = 0; i < w->out_height; ++i) {
      const int32_t top = i * w->stride_height - w->padding_top;
      int32_t first_row, end_row;
      snugnet_find_inside(top, 1, w->kernel_height, w->height, &first_row, &end_row);
      for (int32_t j = 0; j < w->out_width; ++j) {
        const int32_t left = j * w->stride_width - w->padding_left;
        int32_t first, end;
        snugnet_find_inside(left, 1, w->kernel_width, w->width, &first, &end);
        const int32_t count = (end_row - first_row) * (end - first);
        const ELEMENT *window =
            x + (uint32_t)((top + first_row) * w->width + left + first) * channels;
        uint32_t c = 0;
        if (FAST && !pool->is_mean && !pool->is_limited) {
          c = snugnet_find_largest((const int8_t *)window, channels, row_step, end_row - first_row,
                                   end - first, (int8_t *)out);
          out += c;
        }
        for (; c < channels; ++c) {
          int32_t result = pool->is_mean ? 0 : INT16_MIN;
          const ELEMENT *row = window + c;
          for (int32_t a = first_row; a < end_row; ++a) {
            const ELEMENT *p = row;
            for (int32_t b = first; b < end; ++b) {
              if (pool->is_mean) {
                result += *p;
              } else if (*p > result) {
                result = *p;
              }
              p += channels;
            }
            row += row_step;
          }
          if (pool->is_mean) {
            result = (result + (result < 0 ? -(count / 2) : count / 2)) / count;
          }
          *out++ = (ELEMENT)snugnet_clip(result, pool->low, pool->high);
        }
      }
    }
    x += w->height * row_step;
  }
}
