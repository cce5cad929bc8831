/* Convolutions and dense layers of any type: int16, or rounding that the fast kernels do not have. */
#include "snugnet_windows.h"

/* Weights: (outputs, height, width, channels of a group). The bias is that of the file. */
typedef struct {
  snugnet_windows windows;
  uint16_t groups;
  uint16_t outputs;
  uint16_t scale_step;
  int32_t input_zero_point;
  const WEIGHT *weights;
  const int64_t *bias;
  const int32_t *q;
  const int8_t *shift;
  const double *real;
  snugnet_output output;
} snugnet_general_VARIANT;

SNUGNET_INLINE ELEMENT snugnet_finish_VARIANT(int64_t sum, const snugnet_general_VARIANT *conv,
                                              uint32_t output) {
  const uint32_t i = output * conv->scale_step;
  (void)i;
  return (ELEMENT)snugnet_finish(SCALED, &conv->output);
}

SNUGNET_KERNEL void snugnet_convolve_VARIANT(const ELEMENT *x, ELEMENT *out,
                                             const snugnet_general_VARIANT *conv) {
  const snugnet_windows *w = &conv->windows;
  const uint32_t channels = (uint32_t)w->channels / conv->groups;
  const uint32_t outputs_of_group = (uint32_t)conv->outputs / conv->groups;
  for (uint32_t n = 0; n < w->images; ++n) {
    for (int32_t i = 0; i < w->out_height; ++i) {
      const int32_t top = i * w->stride_height - w->padding_top;
      for (int32_t j = 0; j < w->out_width; ++j) {
        const int32_t left = j * w->stride_width - w->padding_left;
        for (uint32_t o = 0; o < conv->outputs; ++o) {
          const WEIGHT *weight =
              conv->weights + o * w->kernel_height * w->kernel_width * channels;
          int64_t sum = conv->bias[o];
          for (int32_t a = 0; a < w->kernel_height; ++a) {
            const int32_t y = top + a * w->dilation_height;
            for (int32_t b = 0; b < w->kernel_width; ++b) {
              const int32_t z = left + b * w->dilation_width;
              if (y >= 0 && y < w->height && z >= 0 && z < w->width) {
                const ELEMENT *from = x + (uint32_t)(y * w->width + z) * w->channels +
                                      o / outputs_of_group * channels;
                for (uint32_t c = 0; c < channels; ++c) {
                  sum += (int64_t)(from[c] - conv->input_zero_point) * weight[c];
                }
              }
              weight += channels;
            }
          }
          *out++ = snugnet_finish_VARIANT(sum, conv, o);
        }
      }
    }
    x += (uint32_t)w->height * w->width * w->channels;
  }
}

/* The windows are those of a convolution of the output; see snugnet_transposed.h. */
SNUGNET_KERNEL void snugnet_convolve_transposed_VARIANT(const ELEMENT *x, ELEMENT *out,
                                                        const snugnet_general_VARIANT *conv) {
  const snugnet_windows *w = &conv->windows;
  const uint32_t channels = w->channels;
  for (uint32_t n = 0; n < w->images; ++n) {
    for (int32_t i = 0; i < w->height; ++i) {
      for (int32_t j = 0; j < w->width; ++j) {
        for (uint32_t o = 0; o < conv->outputs; ++o) {
          int64_t sum = conv->bias[o];
          for (int32_t a = 0; a < w->kernel_height; ++a) {
            const int32_t y = i + w->padding_top - a;
            if (y < 0 || y % w->stride_height != 0 || y / w->stride_height >= w->out_height) {
              continue;
            }
            for (int32_t b = 0; b < w->kernel_width; ++b) {
              const int32_t z = j + w->padding_left - b;
              if (z < 0 || z % w->stride_width != 0 || z / w->stride_width >= w->out_width) {
                continue;
              }
              const ELEMENT *from =
                  x + (uint32_t)(y / w->stride_height * w->out_width + z / w->stride_width) * channels;
              const WEIGHT *weight =
                  conv->weights +
                  ((o * w->kernel_height + (uint32_t)a) * w->kernel_width + (uint32_t)b) * channels;
              for (uint32_t c = 0; c < channels; ++c) {
                sum += (int64_t)(from[c] - conv->input_zero_point) * weight[c];
              }
            }
          }
          *out++ = snugnet_finish_VARIANT(sum, conv, o);
        }
      }
    }
    x += (uint32_t)w->out_height * w->out_width * channels;
  }
}
