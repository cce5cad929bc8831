/* MEAN, SUM and REDUCE_MAX: loops over the dimensions that stay, and those that are reduced. */
#include "snugnet_loops.h"

SNUGNET_KERNEL int32_t snugnet_reduce_elements_SUFFIX(const ELEMENT *x, const snugnet_reduction *r) {
  const snugnet_loops *loops = &r->reduced;
  int32_t result = r->is_sum ? 0 : *x;
  for (uint32_t i = 0; i < loops->counts[0]; ++i) {
    for (uint32_t j = 0; j < loops->counts[1]; ++j) {
      for (uint32_t k = 0; k < loops->counts[2]; ++k) {
        const ELEMENT *p = x + i * loops->steps[0] + j * loops->steps[1] + k * loops->steps[2];
        for (uint32_t n = loops->counts[3]; n != 0; --n) {
          if (r->is_sum) {
            result = snugnet_add(result, *p);
          } else if (*p > result) {
            result = *p;
          }
          p += loops->steps[3];
        }
      }
    }
  }
  if (r->is_sum) {
    result = snugnet_subtract(result, r->offset);
    result = snugnet_finish(snugnet_scale(result, r->scaling.q, r->scaling.shift), &r->output);
  }
  return result;
}

SNUGNET_KERNEL void snugnet_reduce_SUFFIX(const ELEMENT *x, ELEMENT *out,
                                          const snugnet_reduction *r) {
  const snugnet_loops *loops = &r->kept;
  for (uint32_t i = 0; i < loops->counts[0]; ++i) {
    for (uint32_t j = 0; j < loops->counts[1]; ++j) {
      for (uint32_t k = 0; k < loops->counts[2]; ++k) {
        const ELEMENT *p = x + i * loops->steps[0] + j * loops->steps[1] + k * loops->steps[2];
        for (uint32_t n = loops->counts[3]; n != 0; --n) {
          *out++ = (ELEMENT)snugnet_reduce_elements_SUFFIX(p, r);
          p += loops->steps[3];
        }
      }
    }
  }
}
