"""Targets: microcontrollers whose code is compiled and emulated."""

from dataclasses import dataclass

KIB, MIB = 1 << 10, 1 << 20
# Debian's packages of the compiler and the emulator.
PACKAGES = ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "qemu-system-arm")
INSTALL = f"apt-get install {' '.join(PACKAGES)}"


@dataclass(frozen=True)
class Region:
    """A region of memory.

    Attributes:
        origin: Address of its first byte.
        size: Number of bytes.
    """

    origin: int
    size: int


@dataclass(frozen=True)
class Microcontroller:
    """A microcontroller, and the board that QEMU emulates it on.

    Attributes:
        name: Name of the target.
        flags: Options of the compiler that select it.
        machine: Name of the board.
        flash: Where code and constants are.
        ram: Where variables and the stack are.
        timer_mhz: Frequency of the board's SysTick timer, by which instructions are counted: in
            QEMU, each takes one nanosecond.
    """

    name: str
    flags: tuple[str, ...]
    machine: str
    flash: Region
    ram: Region
    timer_mhz: int


# QEMU has no Cortex-M0 board with enough memory; a Cortex-M3 runs its code. Addresses: Arm's
# application notes AN385, AN386, AN505 and AN547.
TARGETS = {
    "cortex-m0": Microcontroller(
        "cortex-m0",
        ("-mcpu=cortex-m0", "-mthumb"),
        "mps2-an385",
        Region(0x00000000, 4 * MIB),
        Region(0x20000000, 4 * MIB),
        timer_mhz=25,
    ),
    "cortex-m4": Microcontroller(
        "cortex-m4",
        ("-mcpu=cortex-m4", "-mthumb"),
        "mps2-an386",
        Region(0x00000000, 4 * MIB),
        Region(0x20000000, 4 * MIB),
        timer_mhz=25,
    ),
    "cortex-m33": Microcontroller(
        "cortex-m33",
        ("-mcpu=cortex-m33", "-mthumb"),
        "mps2-an505",
        Region(0x10000000, 4 * MIB),
        Region(0x38000000, 4 * MIB),
        timer_mhz=20,
    ),
    "cortex-m55": Microcontroller(
        "cortex-m55",
        ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
        "mps3-an547",
        Region(0x00000000, 512 * KIB),
        Region(0x01000000, 2 * MIB),
        timer_mhz=32,
    ),
}
