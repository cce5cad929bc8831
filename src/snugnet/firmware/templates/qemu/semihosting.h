/* Requests to the emulator: Arm's "Semihosting for AArch32 and AArch64". */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

enum {
  SEMIHOSTING_OPEN = 0x01,
  SEMIHOSTING_CLOSE = 0x02,
  SEMIHOSTING_PRINT = 0x04,
  SEMIHOSTING_WRITE = 0x05,
  SEMIHOSTING_READ = 0x06,
  SEMIHOSTING_EXIT = 0x20
};

static inline int32_t semihosting_call(int32_t operation, const void *argument) {
  register int32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static inline void semihosting_print(const char *text) {
  semihosting_call(SEMIHOSTING_PRINT, text);
}

static inline void semihosting_exit(int32_t code) {
  /* 0x20026: the application ended. */
  const uint32_t block[2] = {0x20026u, (uint32_t)code};
  semihosting_call(SEMIHOSTING_EXIT, block);
  for (;;) {
  }
}

#endif
