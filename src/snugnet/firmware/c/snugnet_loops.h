/* Loops over the dimensions of a tensor. */
#ifndef SNUGNET_LOOPS_H
#define SNUGNET_LOOPS_H

#include "snugnet_math.h"

#define SNUGNET_REDUCE_LOOPS 4

/* Counts and steps in elements, from the outermost to the innermost loop. */
typedef struct {
  uint32_t counts[SNUGNET_REDUCE_LOOPS];
  uint32_t steps[SNUGNET_REDUCE_LOOPS];
} snugnet_loops;

typedef struct {
  snugnet_loops kept;
  snugnet_loops reduced;
  uint32_t is_sum;
  int32_t offset;
  snugnet_scaling scaling;
  snugnet_output output;
} snugnet_reduction;

#endif
