/* BATCH_MATMUL: all numbers are steps in elements, so that matrices may be exchanged or broadcast. */
#include "snugnet_math.h"

typedef struct {
  uint32_t batches;
  const uint32_t *first_starts;
  const uint32_t *second_starts;
  uint32_t rows;
  uint32_t columns;
  uint32_t depth;
  uint32_t first_row_step;
  uint32_t first_depth_step;
  uint32_t second_depth_step;
  uint32_t second_column_step;
  int32_t first_zero_point;
  int32_t second_zero_point;
  snugnet_scaling scaling;
  snugnet_output output;
} snugnet_matmul_VARIANT;

SNUGNET_KERNEL void snugnet_run_matmul_VARIANT(const ELEMENT *first, const ELEMENT *second,
                                               ELEMENT *out, const snugnet_matmul_VARIANT *m) {
  for (uint32_t n = 0; n < m->batches; ++n) {
    for (uint32_t i = 0; i < m->rows; ++i) {
      for (uint32_t j = 0; j < m->columns; ++j) {
        const ELEMENT *a = first + m->first_starts[n] + i * m->first_row_step;
        const ELEMENT *b = second + m->second_starts[n] + j * m->second_column_step;
        SUM sum = 0;
        for (uint32_t k = 0; k < m->depth; ++k) {
          sum = ADDED;
          a += m->first_depth_step;
          b += m->second_depth_step;
        }
        *out++ = (ELEMENT)snugnet_finish(SCALED, &m->output);
      }
    }
  }
}
