/* SOFTMAX of int8 scores. */
#include "snugnet_reciprocal.h"

/* exponentials: by the difference to the largest score, up to the last that counts. */
typedef struct {
  const int32_t *exponentials;
  uint32_t count;
  uint32_t rows;
  uint32_t columns;
} snugnet_softmax_SUFFIX;

SNUGNET_KERNEL void snugnet_run_softmax_SUFFIX(const int8_t *x, ELEMENT *out,
                                               const snugnet_softmax_SUFFIX *softmax) {
  const uint32_t columns = softmax->columns;
  for (uint32_t row = 0; row < softmax->rows; ++row) {
    int32_t largest = INT8_MIN;
    int32_t sum = 0;
    int32_t factor, over_unit;
    for (uint32_t i = 0; i < columns; ++i) {
      largest = x[i] > largest ? x[i] : largest;
    }
    for (uint32_t i = 0; i < columns; ++i) {
      const uint32_t distance = (uint32_t)(largest - x[i]);
      if (distance < softmax->count) {
        sum += snugnet_divide_by_power(softmax->exponentials[distance], 12);
      }
    }
    factor = snugnet_reciprocal(sum, 12, &over_unit);
    for (uint32_t i = 0; i < columns; ++i) {
      const uint32_t distance = (uint32_t)(largest - x[i]);
      int32_t result = LOWEST;
      if (distance < softmax->count) {
        const int32_t product = snugnet_high_multiply(softmax->exponentials[distance], factor);
        result = snugnet_divide_by_power(product, over_unit + 31 - BITS) + LOWEST;
        result = snugnet_clip(result, LOWEST, HIGHEST);
      }
      out[i] = (ELEMENT)result;
    }
    x += columns;
    out += columns;
  }
}
