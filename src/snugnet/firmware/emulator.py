"""The emulator: runs generated code on a microcontroller in QEMU, and counts its instructions."""

import os
import re
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from snugnet.core.budget import DEFAULT_BUDGET
from snugnet.core.errors import InputError
from snugnet.core.files import check_plain, private_folder
from snugnet.core.isolation import run_without_rights
from snugnet.core.parent import end_with_parent
from snugnet.core.sandbox import Rights
from snugnet.firmware.folder import fill, write_linker_script
from snugnet.firmware.footprint import DeviceFootprint
from snugnet.firmware.golden import Vectors
from snugnet.firmware.header import write_header
from snugnet.firmware.program import FirmwareProgram
from snugnet.firmware.source import write_source
from snugnet.firmware.targets import TARGETS, Microcontroller
from snugnet.firmware.toolchain import (
    COMPILER,
    OPTIMIZATION,
    build,
    describe_program,
    find_program,
    measure_size,
)

EMULATOR = "qemu-system-arm"
PARTS = Path(__file__).with_name("emulation")
# Prefix of all names of the measured code.
NAME = "model"
# A name and a number that the measuring program prints.
PRINTED = re.compile(r"^(\w+) ([0-9]{1,18})\s*$", re.MULTILINE)
# Bytes that are read of what the measuring program prints.
MAX_TEXT = 1 << 20
# Seconds for all samples.
TIMEOUT = 1800


def check_tools() -> None:
    """Check that the compiler and the emulator are installed.

    Raises:
        InputError: If one is not.
    """
    find_program(COMPILER)
    find_program(EMULATOR)


def find_target(name: str) -> Microcontroller:
    """Return the target with a name.

    Raises:
        InputError: If there is none.
    """
    if name not in TARGETS:
        raise InputError(f"unknown target {name!r}. Known: {', '.join(TARGETS)}.")
    return TARGETS[name]


def emulate_program(
    program: FirmwareProgram, target: Microcontroller, vectors: Vectors, timeout: float = TIMEOUT
) -> DeviceFootprint:
    """Compile a program for a target, run it on samples in QEMU, and measure it.

    Args:
        program: The program.
        target: The target.
        vectors: Samples with the outputs of the engine.
        timeout: Seconds after which the emulator is stopped.

    Returns:
        Flash, RAM and instructions, and whether all outputs were those of the engine.

    Raises:
        InputError: If a tool is not installed, or if the program does not fit the emulated board.
        RuntimeError: If a tool fails.
    """
    check_tools()
    with private_folder() as name:
        folder = Path(name)
        _write_sources(program, target, folder)
        source = folder / f"{NAME}.c"
        alone = folder / "alone.elf"
        entry = [f"-Wl,-e,{NAME}_run", f"-Wl,-u,{NAME}_run"]
        build(target, folder, [source], alone, PARTS / "size.ld", entry)
        size = measure_size(alone)
        parts = [folder / "startup.c", PARTS / "measure.c", source]
        build(target, folder, parts, folder / "measure.elf", folder / "memory.ld")
        _write_samples(vectors, folder / "samples.bin")
        printed = _run(target, folder, timeout)
        exact = _compare(vectors, folder / "results.bin", printed.get("invocations"))
    return DeviceFootprint(
        target=target.name,
        code_bytes=size.code,
        constant_bytes=size.constants,
        arena_bytes=program.arena,
        static_bytes=size.variables,
        stack_bytes=printed["stack"],
        instructions=printed["instructions"],
        samples=vectors.count,
        exact=exact,
        compiler=f"{describe_program(COMPILER)}, {' '.join((*target.flags, *OPTIMIZATION))}",
        emulator=f"{describe_program(EMULATOR)}, {target.machine}",
    )


def _write_sources(program: FirmwareProgram, target: Microcontroller, folder: Path) -> None:
    """Write the code of the model and what it needs to run on the board."""
    ports = []
    for kind, count in (
        ("input", len(program.model.inputs)),
        ("output", len(program.model.outputs)),
    ):
        labels = [f"{NAME}_{kind}{number or ''}".upper() for number in range(count)]
        places = ", ".join(f"{{{label}_OFFSET, {label}_BYTES}}" for label in labels)
        ports.append(f"#define {kind.upper()}S {{{places}}}\n")
    ticks = f"#define TIMER_MHZ {target.timer_mhz}\n"
    texts = {
        f"{NAME}.h": write_header(program, NAME),
        f"{NAME}.c": write_source(program, NAME),
        "board.h": "".join([*ports, ticks]),
        "memory.ld": write_linker_script(target),
        "semihosting.h": fill("qemu/semihosting.h"),
        "startup.c": fill("qemu/startup.c"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)


def _write_samples(vectors: Vectors, path: Path) -> None:
    with path.open("wb") as stream:
        for index in range(vectors.count):
            for array in vectors.inputs:
                stream.write(array[index].tobytes())


def _run(target: Microcontroller, folder: Path, timeout: float) -> dict[str, int]:
    """Run the program that measures; return the numbers that it prints by name.

    The program may open files of this machine (semihosting), so the emulator has no rights to any
    but those in the folder.

    Raises:
        InputError: If it takes too long.
        RuntimeError: If the emulator cannot be started, or if the program fails.
    """
    program = Path(find_program(EMULATOR)).resolve()
    command = [str(program), "-M", target.machine, "-nographic"]
    command += ["-monitor", "none", "-serial", "none", "-icount", "shift=0"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", "measure.elf"]

    def work() -> list[np.ndarray]:
        # A file, because a program may print more than there is memory.
        with (folder / "output.txt").open("w+b") as output:
            done = subprocess.run(
                command,
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                preexec_fn=partial(end_with_parent, os.getpid()),
            )
            output.seek(0)
            text = output.read(MAX_TEXT)
        return [np.array(done.returncode), np.frombuffer(text, np.uint8)]

    kept = Rights(_list_installation(program), writable=(folder,), programs=(program,))
    result = run_without_rights(work, replace(DEFAULT_BUDGET, seconds=timeout), kept)
    if result.is_timeout:
        raise InputError(
            f"{target.name}: the emulation takes more than {timeout:.0f} s. Use fewer samples."
        )
    if result.status:
        reason = result.crash or result.message or "it needs too much memory"
        raise RuntimeError(f"{program}: {target.name}: it cannot be started ({reason})")
    status, output = result.arrays
    text = output.tobytes().decode(errors="replace")
    printed = {name: int(number) for name, number in PRINTED.findall(text)}
    if status or not {"stack", "instructions", "invocations"} <= set(printed):
        raise RuntimeError(f"{EMULATOR}: {target.name}: exit code {status}: {text.strip()[-500:]}")
    return printed


def _list_installation(program: Path) -> tuple[Path, ...]:
    """Return the folder whose `bin` has a program: its libraries are there, too."""
    folder = program.parents[1]
    return () if folder in (Path("/"), Path.home()) else (folder,)


def _compare(vectors: Vectors, path: Path, invocations: int | None) -> bool:
    """Return whether the outputs in a file are those of the engine."""
    expected = b"".join(
        array[index].tobytes() for index in range(vectors.count) for array in vectors.outputs
    )
    check_plain(path, "the emulated program")
    result = np.fromfile(path, np.uint8, len(expected) + 1)
    return invocations == vectors.count and np.array_equal(
        result, np.frombuffer(expected, np.uint8)
    )
