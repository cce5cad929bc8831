"""Tests of the emulated microcontrollers: exact outputs, and honest counts."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snugnet as sn
from snugnet.core.errors import InputError
from snugnet.firmware import emulator, toolchain
from snugnet.firmware.emulator import EMULATOR, NAME, emulate_program
from snugnet.firmware.folder import fill, write_linker_script
from snugnet.firmware.footprint import DeviceFootprint
from snugnet.firmware.golden import compute_vectors
from snugnet.firmware.program import make_program
from snugnet.firmware.targets import PACKAGES, TARGETS
from snugnet.firmware.toolchain import COMPILER, build
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import parse_graph
from tests.paths import ROOT
from tests.unit.int8 import models

needs_toolchain = pytest.mark.skipif(
    shutil.which(COMPILER) is None or shutil.which(EMULATOR) is None,
    reason=f"not installed: {' '.join(PACKAGES)}",
)
# A loop of three instructions, which SysTick counts as the emulator counts a model.
LOOP = """
#include "board.h"
#include "semihosting.h"
#define CONTROL (*(volatile uint32_t *)0xE000E010)
#define RELOAD (*(volatile uint32_t *)0xE000E014)
#define COUNT (*(volatile uint32_t *)0xE000E018)
int main(void) {
  uint32_t first, last, n = 1000000;
  RELOAD = 0xFFFFFF;
  COUNT = 0;
  CONTROL = 5;
  while (COUNT == 0) {
  }
  first = COUNT;
  __asm__ volatile(".syntax unified\\n1: nop\\n subs %0, %0, #1\\n bne 1b\\n" : "+l"(n) : : "cc");
  last = COUNT;
  return (int)((uint64_t)(first - last) * 1000 / TIMER_MHZ / 30000);
}
"""


def prepare(file=None, samples=3):
    """Return a program and its samples with the outputs of the engine."""
    model = Model(parse_graph(file or models.network(), "file"), "tflm")
    rng = np.random.default_rng(0)
    port = model.inputs[0]
    x = rng.integers(-128, 128, (samples * port.shape[0], *port.shape[1:])).astype(np.int8)
    return make_program(model), compute_vectors(model, x)


@needs_toolchain
@pytest.mark.parametrize("target", TARGETS)
def test_timer_counts_instructions_when_loop_is_known(target, tmp_path):
    board = TARGETS[target]
    texts = {
        "loop.c": LOOP,
        "board.h": f"#define TIMER_MHZ {board.timer_mhz}\n",
        "memory.ld": write_linker_script(board),
        "semihosting.h": fill("qemu/semihosting.h"),
        "startup.c": fill("qemu/startup.c"),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    sources = [tmp_path / "startup.c", tmp_path / "loop.c"]
    build(board, tmp_path, sources, tmp_path / "loop.elf", tmp_path / "memory.ld")
    command = [EMULATOR, "-M", board.machine, "-nographic", "-icount", "shift=0"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", tmp_path / "loop.elf"]
    # The exit code is the number of ten thousand rounds: 100 of 1,000,000.
    assert subprocess.run(command, timeout=60).returncode == 100


@needs_toolchain
@pytest.mark.parametrize("target", TARGETS)
def test_emulation_is_exact_when_code_is_right(target):
    program, vectors = prepare()
    footprint = emulate_program(program, TARGETS[target], vectors)
    assert footprint.exact
    assert footprint.samples == 3
    assert footprint.arena_bytes == program.arena
    assert footprint.static_bytes == 0
    assert 1000 < footprint.code_bytes < 12_000
    assert 40 < footprint.stack_bytes < 1000
    assert footprint == emulate_program(program, TARGETS[target], vectors)
    assert footprint == DeviceFootprint.from_json(footprint.to_json())


@needs_toolchain
def test_emulation_differs_when_an_expected_output_is_wrong():
    program, vectors = prepare()
    outputs = vectors.outputs[0].copy()
    outputs[1, 0] ^= 1
    wrong = replace(vectors, outputs=(outputs,))
    assert not emulate_program(program, TARGETS["cortex-m4"], wrong).exact


@needs_toolchain
def test_emulation_runs_batches_when_model_takes_several_samples():
    program, vectors = prepare(models.network(3), 2)
    footprint = emulate_program(program, TARGETS["cortex-m0"], vectors)
    assert (footprint.exact, footprint.samples) == (True, 2)


@needs_toolchain
def test_emulation_counts_more_instructions_when_model_is_larger():
    small = emulate_program(*[prepare()[0], TARGETS["cortex-m4"], prepare()[1]])
    program, vectors = prepare(models.network(3), 2)
    large = emulate_program(program, TARGETS["cortex-m4"], vectors)
    assert 2.5 < large.instructions / small.instructions < 3.5


@needs_toolchain
def test_emulation_is_stopped_when_it_takes_too_long():
    program, vectors = prepare(samples=64)
    with pytest.raises(InputError, match="takes more than 0 s"):
        emulate_program(program, TARGETS["cortex-m4"], vectors, timeout=0.01)


def find_emulators(folder):
    """Return the processes of emulators that work below a folder."""
    processes = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_emulator = (path / "exe").readlink().name == EMULATOR
            if is_emulator and (path / "cwd").readlink().is_relative_to(folder):
                processes.append(path)
    return processes


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@needs_toolchain
@pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="this system has no /proc")
def test_emulator_ends_when_its_command_is_killed(tmp_path):
    program = (
        "from tests.unit.firmware.test_emulator import *\n"
        "program, vectors = prepare(samples=20000)\n"
        "emulate_program(program, TARGETS['cortex-m4'], vectors)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, cwd=ROOT)
    try:
        wait_until(lambda: find_emulators(tmp_path))
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not find_emulators(tmp_path))


@needs_toolchain
@pytest.mark.parametrize("kind", ["script", "missing library"])
def test_emulation_names_reason_when_emulator_cannot_start(tmp_path, monkeypatch, kind):
    emulator = tmp_path / EMULATOR
    text = "#!/bin/sh\nexec true\n" if kind == "script" else "no program"
    emulator.write_text(text)
    emulator.chmod(0o755)
    monkeypatch.setattr("snugnet.firmware.emulator.find_program", lambda name: str(emulator))
    monkeypatch.setattr("snugnet.firmware.emulator.describe_program", lambda name: name)
    program, vectors = prepare()
    with pytest.raises(RuntimeError, match=f"{emulator}: cortex-m4: it cannot be started .*Error"):
        emulate_program(program, TARGETS["cortex-m4"], vectors)


@needs_toolchain
def test_emulation_fails_when_model_does_not_fit_the_board():
    program, vectors = prepare()
    huge = replace(program, arena=64 << 20)
    with pytest.raises(InputError, match="does not fit the memory of the emulated board"):
        emulate_program(huge, TARGETS["cortex-m55"], vectors)


@needs_toolchain
def test_emulation_leaves_no_files_when_it_ends(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    emulate_program(*[prepare()[0], TARGETS["cortex-m4"], prepare()[1]])
    assert list(tmp_path.iterdir()) == []


@needs_toolchain
def test_code_has_no_variables_when_it_is_linked(tmp_path):
    program, _ = prepare(models.branches())
    emulator._write_sources(program, TARGETS["cortex-m4"], tmp_path)
    output = tmp_path / "alone.o"
    source = str(tmp_path / f"{NAME}.c")
    toolchain.run([COMPILER, "-mcpu=cortex-m4", "-O2", "-c", source, "-o", str(output)])
    names = toolchain.run(["arm-none-eabi-nm", str(output)]).split()
    assert not {"malloc", "free", "printf", "exp", "pow"} & set(names)
    sections = toolchain.run(["arm-none-eabi-size", str(output)]).splitlines()[1].split()
    assert sections[1:3] == ["0", "0"]  # data and bss


def test_emulate_names_packages_when_tools_are_missing(tmp_path, monkeypatch):
    path = tmp_path / "network.tflite"
    path.write_bytes(models.network())
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="On Debian and Ubuntu: apt-get install"):
        sn.emulate(path)
    with pytest.raises(InputError, match="not installed"):
        sn.export_firmware(path, tmp_path / "net", targets=["cortex-m4"])
    assert not (tmp_path / "net").exists()


def test_emulate_names_targets_when_one_is_unknown(tmp_path):
    with pytest.raises(InputError, match="Known: cortex-m0, cortex-m4"):
        sn.emulate(tmp_path / "m.tflite", "m4")
    with pytest.raises(InputError, match="targets: name at least one"):
        sn.emulate(tmp_path / "m.tflite", [])
