/* Start of a program on an emulated Cortex-M: vectors, memory, main(), exit code. */
#include "semihosting.h"

#include <string.h>

extern uint8_t data_values, data_start, data_end, bss_start, bss_end, stack_top;
volatile uint32_t systick_wraps;
int main(void);

static void start(void) {
  memcpy(&data_start, &data_values, (size_t)(&data_end - &data_start));
  memset(&bss_start, 0, (size_t)(&bss_end - &bss_start));
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  /* Coprocessor access: the floating-point unit and Helium are off after a reset. */
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20;
#endif
  semihosting_exit(main());
}

static void fault(void) {
  semihosting_print("hard fault\n");
  semihosting_exit(255);
}

static void count_wrap(void) { ++systick_wraps; }

__attribute__((naked, used)) void reset(void) {
  __asm__ volatile("ldr r0, =stack_top\n mov sp, r0\n bl %c0\n" : : "i"(start));
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))&stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0,
    fault, 0, 0, fault, count_wrap};
