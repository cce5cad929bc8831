/* PAD of int16. */
#ifndef SNUGNET_FILL_H
#define SNUGNET_FILL_H

#include "snugnet_math.h"

SNUGNET_KERNEL void snugnet_fill(int16_t *out, int16_t value, uint32_t count) {
  for (; count != 0; --count) {
    *out++ = value;
  }
}

#endif
