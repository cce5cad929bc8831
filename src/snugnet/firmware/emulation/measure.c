/* Runs the model on samples from a file, counts instructions, and measures the stack. */
#include "board.h"
#include "model.h"
#include "semihosting.h"

#include <string.h>

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014)
#define SYSTICK_COUNT (*(volatile uint32_t *)0xE000E018)
#define COUNTER_BITS 24
#define STACK_BYTES 32768
#define UNUSED_STACK 0xA5

typedef struct {
  uint32_t offset;
  uint32_t bytes;
} port;

static const port inputs[] = INPUTS;
static const port outputs[] = OUTPUTS;
static uint64_t arena[(MODEL_ARENA_BYTES + 7) / 8];
extern volatile uint32_t systick_wraps;
extern uint8_t bss_end;

static int32_t open_file(const char *name, uint32_t mode) {
  const uint32_t block[3] = {(uint32_t)name, mode, (uint32_t)strlen(name)};
  return semihosting_call(SEMIHOSTING_OPEN, block);
}

/* Reads or writes; returns the number of bytes that were not. */
static int32_t transfer(int32_t operation, int32_t file, const void *memory, uint32_t bytes) {
  const uint32_t block[3] = {(uint32_t)file, (uint32_t)memory, bytes};
  return semihosting_call(operation, block);
}

static void print_number(const char *name, uint64_t number) {
  char text[64];
  int length = 0, digits = 0;
  char reversed[24];
  while (*name) {
    text[length++] = *name++;
  }
  do {
    reversed[digits++] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  while (digits) {
    text[length++] = reversed[--digits];
  }
  text[length++] = '\n';
  text[length] = 0;
  semihosting_print(text);
}

/* The lowest address of the stack that is measured: the memory below it is not touched. */
static uint8_t *find_stack_end(uint8_t *top) {
  uint8_t *end = top - STACK_BYTES;
  return end < &bss_end + 64 ? &bss_end + 64 : end;
}

static __attribute__((noinline)) uint64_t count_instructions(void) {
  uint32_t first, last;
  SYSTICK_RELOAD = (1u << COUNTER_BITS) - 1;
  SYSTICK_COUNT = 0;
  SYSTICK_CONTROL = 7;
  while (SYSTICK_COUNT == 0) {
  }
  systick_wraps = 0;
  first = SYSTICK_COUNT;
  model_run(arena);
  last = SYSTICK_COUNT;
  SYSTICK_CONTROL = 0;
  /* An instruction takes one nanosecond. */
  return ((((uint64_t)systick_wraps << COUNTER_BITS) + first) - last) * 1000 / TIMER_MHZ;
}

/* Bytes of stack that a run needs. */
static __attribute__((noinline)) uint32_t measure_stack(void) {
  uint8_t *top = (uint8_t *)__builtin_frame_address(0) - 256;
  uint8_t *end = find_stack_end(top);
  volatile uint8_t *place = end;
  while (place < top) {
    *place++ = UNUSED_STACK;
  }
  model_run(arena);
  place = end;
  while (place < top && *place == UNUSED_STACK) {
    ++place;
  }
  return (uint32_t)(top - (uint8_t *)place);
}

int main(void) {
  const int32_t samples = open_file("samples.bin", 1);
  const int32_t results = open_file("results.bin", 5);
  uint64_t most = 0;
  uint32_t invocations = 0, i;
  if (samples < 0 || results < 0) {
    return 1;
  }
  print_number("stack ", measure_stack());
  for (;;) {
    uint64_t count;
    for (i = 0; i < sizeof inputs / sizeof inputs[0]; ++i) {
      if (transfer(SEMIHOSTING_READ, samples, (uint8_t *)arena + inputs[i].offset,
                   inputs[i].bytes)) {
        print_number("instructions ", most);
        print_number("invocations ", invocations);
        return 0;
      }
    }
    count = count_instructions();
    most = count > most ? count : most;
    ++invocations;
    for (i = 0; i < sizeof outputs / sizeof outputs[0]; ++i) {
      if (transfer(SEMIHOSTING_WRITE, results, (uint8_t *)arena + outputs[i].offset,
                   outputs[i].bytes)) {
        return 2;
      }
    }
  }
}
