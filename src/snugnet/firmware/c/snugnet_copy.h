/* Elements of a tensor at other places: loops around a copy of neighbouring bytes. */
#ifndef SNUGNET_COPY_H
#define SNUGNET_COPY_H

#include "snugnet_math.h"

#define SNUGNET_COPY_LOOPS 4

/* From the outermost to the innermost loop: its count, and its steps in bytes. */
typedef struct {
  uint32_t to;
  uint32_t from;
  uint32_t bytes;
  uint16_t counts[SNUGNET_COPY_LOOPS];
  int32_t to_steps[SNUGNET_COPY_LOOPS];
  int32_t from_steps[SNUGNET_COPY_LOOPS];
} snugnet_copies;

SNUGNET_KERNEL void snugnet_copy(void *to, const void *from, const snugnet_copies *copies) {
  uint8_t *to0 = (uint8_t *)to + copies->to;
  const uint8_t *from0 = (const uint8_t *)from + copies->from;
  const uint32_t bytes = copies->bytes;
  const int32_t to_step = copies->to_steps[3];
  const int32_t from_step = copies->from_steps[3];
  for (uint32_t i = copies->counts[0]; i != 0; --i) {
    uint8_t *to1 = to0;
    const uint8_t *from1 = from0;
    for (uint32_t j = copies->counts[1]; j != 0; --j) {
      uint8_t *to2 = to1;
      const uint8_t *from2 = from1;
      for (uint32_t k = copies->counts[2]; k != 0; --k) {
        uint8_t *to3 = to2;
        const uint8_t *from3 = from2;
        uint32_t n = copies->counts[3];
        if (bytes == 1) {
          for (; n != 0; --n) {
            *to3 = *from3;
            to3 += to_step;
            from3 += from_step;
          }
        }
        for (; n != 0; --n) {
          memcpy(to3, from3, bytes);
          to3 += to_step;
          from3 += from_step;
        }
        to2 += copies->to_steps[2];
        from2 += copies->from_steps[2];
      }
      to1 += copies->to_steps[1];
      from1 += copies->from_steps[1];
    }
    to0 += copies->to_steps[0];
    from0 += copies->from_steps[0];
  }
}

#endif
