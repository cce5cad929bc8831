/* Elementwise operators of two tensors, which broadcast. */
#include "snugnet_pairs.h"

SNUGNET_KERNEL void snugnet_FUNCTION_SUFFIX(const ELEMENT *first, const ELEMENT *second,
                                            ELEMENT *out, const snugnet_broadcast *broadcast,
                                            const PARAMETERS *parameters) {
  const uint32_t innermost = SNUGNET_BROADCAST_LOOPS - 1;
  uint32_t indices[SNUGNET_BROADCAST_LOOPS] = {0};
  int32_t a = 0;
  int32_t b = 0;
  uint32_t loop = 0;
  do {
    uint32_t n = broadcast->counts[innermost];
    if (FAST) {
      const uint32_t done = snugnet_add_fours(
          (const int8_t *)first + a, broadcast->first_steps[innermost],
          (const int8_t *)second + b, broadcast->second_steps[innermost], n, (int8_t *)out,
          (const snugnet_addition *)parameters);
      a += (int32_t)done * broadcast->first_steps[innermost];
      b += (int32_t)done * broadcast->second_steps[innermost];
      out += done;
      n -= done;
    }
    for (; n != 0; --n) {
      *out++ = (ELEMENT)snugnet_FUNCTION(first[a], second[b], parameters);
      a += broadcast->first_steps[innermost];
      b += broadcast->second_steps[innermost];
    }
    /* Go back to the start of this loop, and one step on in the loop around it. */
    a -= (int32_t)broadcast->counts[innermost] * broadcast->first_steps[innermost];
    b -= (int32_t)broadcast->counts[innermost] * broadcast->second_steps[innermost];
    for (loop = innermost; loop-- != 0;) {
      a += broadcast->first_steps[loop];
      b += broadcast->second_steps[loop];
      if (++indices[loop] != broadcast->counts[loop]) {
        break;
      }
      a -= (int32_t)indices[loop] * broadcast->first_steps[loop];
      b -= (int32_t)indices[loop] * broadcast->second_steps[loop];
      indices[loop] = 0;
    }
  } while (loop != UINT32_MAX);
}
