"""The cross compiler: builds generated code for a target, and measures its size."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from snugnet.core.errors import InputError
from snugnet.firmware.targets import INSTALL, Microcontroller

COMPILER, SIZE = "arm-none-eabi-gcc", "arm-none-eabi-size"
OPTIMIZATION = ("-O2",)
SECTIONS = ("-ffunction-sections", "-fdata-sections")
# Seconds for one run of the compiler.
TIMEOUT = 600
SECTION_LINE = re.compile(r"^(\.[\w.]+)\s+(\d+)\s", re.MULTILINE)


@dataclass(frozen=True)
class CodeSize:
    """Sizes of a linked model, in bytes.

    Attributes:
        code: Instructions, with the functions of the compiler's library that they call.
        constants: Constants.
        variables: Variables.
    """

    code: int
    constants: int
    variables: int


def find_program(name: str) -> str:
    """Find a program of the toolchain.

    Raises:
        InputError: If it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise InputError(f"{name} is not installed. On Debian and Ubuntu: {INSTALL}")
    return path


@cache
def describe_program(name: str) -> str:
    """Return name and version of a program: the first line that `--version` prints."""
    output = run([find_program(name), "--version"])
    return output.splitlines()[0].strip()


def build(
    target: Microcontroller,
    folder: Path,
    sources: Sequence[Path],
    output: Path,
    script: Path,
    options: Sequence[str] = (),
) -> None:
    """Compile and link a program for a target.

    Args:
        target: The target.
        folder: Folder with the headers.
        sources: C files.
        output: The program to write.
        script: Linker script.
        options: More options of the compiler.

    Raises:
        InputError: If the compiler is not installed, or the program does not fit the memory of the
            emulated board.
        RuntimeError: If the compiler fails.
    """
    command = [find_program(COMPILER), *target.flags, *OPTIMIZATION, *SECTIONS, "-std=gnu99"]
    command += ["-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections", "-T", str(script)]
    command += [*options, f"-I{folder}", "-o", str(output), *map(str, sources)]
    try:
        run(command)
    except RuntimeError as error:
        if "will not fit in region" in str(error) or "overflowed by" in str(error):
            raise InputError(
                f"{target.name}: the model does not fit the memory of the emulated board "
                f"{target.machine}. Choose another target."
            ) from None
        raise


def measure_size(program: Path) -> CodeSize:
    """Measure the sections of a program.

    Args:
        program: A linked program whose entry is the model's function, without a start-up file.
    """
    sections = {
        name: int(size)
        for name, size in SECTION_LINE.findall(run([find_program(SIZE), "-A", str(program)]))
    }
    return CodeSize(
        code=sections.get(".text", 0) + sections.get(".ARM.exidx", 0),
        constants=sections.get(".rodata", 0),
        variables=sections.get(".data", 0) + sections.get(".bss", 0),
    )


def run(command: Sequence[str]) -> str:
    """Run a program and return what it printed.

    Raises:
        RuntimeError: If it fails, with the end of what it printed.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name}: {done.stderr.strip()[-2000:]}")
    return done.stdout
