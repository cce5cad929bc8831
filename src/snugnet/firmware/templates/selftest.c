/* Compares the outputs of the model with the golden outputs. Exit code: the number of vectors
 * that differ.
 */
#include "golden.h"
#include "@name@.h"

#include <string.h>

#ifndef SELFTEST_PRINT
#include <stdio.h>
#define SELFTEST_PRINT(text) fputs(text, stdout)
#endif

/* uint64_t, so that the address is a multiple of 8. */
static uint64_t arena[(@NAME@_ARENA_BYTES + 7) / 8];

int main(void) {
  int vector, wrong = 0;
  for (vector = 0; vector < @NAME@_GOLDEN_COUNT; ++vector) {
    int same = 1;
@copies@
    @name@_run(arena);
@comparisons@
    SELFTEST_PRINT(same ? "golden vector: exact\n" : "golden vector: WRONG\n");
    wrong += !same;
  }
  SELFTEST_PRINT(wrong ? "self-test: failed\n" : "self-test: all golden vectors are exact\n");
  return wrong;
}
