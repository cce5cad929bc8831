"""Generated code on this machine: compiled, loaded, and called like a model of the engine."""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.firmware.header import list_ports, write_header
from snugnet.firmware.program import FirmwareProgram, make_program
from snugnet.firmware.source import write_source
from snugnet.int8.cost import count_bytes
from snugnet.int8.engine import Model
from snugnet.int8.node import Profile

# Names of compilers, the preferred one first.
COMPILERS = ("cc", "gcc", "clang")
# Without contraction: a fused multiply-add rounds once where the kernels round twice.
OPTIONS = ("-std=c99", "-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC")
NAME = "model"
TIMEOUT = 600


class CompiledModel:
    """A full-integer model that was compiled for this machine; it computes the same bits.

    Attributes:
        model (Model): The model of the engine.
        profile (Profile): Runtime whose kernels the model reproduces.
        inputs (tuple[Port, ...]): Inputs, in the order that `predict` expects.
        outputs (tuple[Port, ...]): Outputs, in the order that `predict` returns.
    """

    def __init__(self, model: Model, options: Sequence[str] = OPTIONS) -> None:
        """Compile a model.

        Args:
            model: The model.
            options: Options of the compiler.

        Raises:
            InputError: If there is no compiler.
            ModelFormatError: If the code does not support an operator or a shape.
            RuntimeError: If the compiler fails.
        """
        self.model = model
        self.profile: Profile = model.profile
        self.inputs, self.outputs = model.inputs, model.outputs
        program = make_program(model)
        self._arena = np.zeros(program.arena // 8 + 1, np.int64)
        self._run_all = _compile(program, options).snugnet_run_all
        self._run_all.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)
        self._run_all.restype = None

    def predict(self, x: Any) -> Any:
        """Compute the raw outputs; see `int8.engine.Model.predict`.

        Not for several threads at once: they would share the memory of the tensors.

        Args:
            x: Samples, as for the engine.

        Returns:
            Raw outputs, as of the engine.

        Raises:
            InputError: If x has a wrong shape or type, is empty, or contains NaN.
        """
        inputs = [np.ascontiguousarray(array) for array in self.model.prepare_inputs(x)]
        count = len(inputs[0])
        outputs = [np.empty((count, *port.shape), port.dtype) for port in self.outputs]
        pointers = [array.ctypes.data for array in (*inputs, *outputs)]
        table = (ctypes.c_void_p * len(pointers))(*pointers)
        self._run_all(self._arena.ctypes.data, table, count)
        results = [array.reshape(-1, *array.shape[2:]) for array in outputs]
        return results[0] if len(results) == 1 else results


def find_compiler() -> str:
    """Find a C compiler.

    Raises:
        InputError: If there is none.
    """
    path = next(filter(None, map(shutil.which, COMPILERS)), None)
    if path is None:
        raise InputError(
            f"no C compiler found ({', '.join(COMPILERS)}). On Debian and Ubuntu: "
            "apt-get install gcc libc6-dev"
        )
    return path


def has_compiler() -> bool:
    """Return whether this machine has a C compiler."""
    return any(map(shutil.which, COMPILERS))


def _compile(program: FirmwareProgram, options: Sequence[str]) -> ctypes.CDLL:
    """Compile a program to a library, and load it."""
    with tempfile.TemporaryDirectory(prefix="snugnet") as name:
        folder = Path(name)
        (folder / f"{NAME}.h").write_text(write_header(program, NAME))
        (folder / f"{NAME}.c").write_text(write_source(program, NAME) + _write_loop(program))
        library = folder / f"{NAME}.so"
        command = [find_compiler(), *options, "-o", str(library), str(folder / f"{NAME}.c")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-2000:]}")
        # The loaded library stays when its file is removed.
        return ctypes.CDLL(str(library))


def _write_loop(program: FirmwareProgram) -> str:
    """Return a function that runs the model on many samples, for fewer calls from Python."""
    before, after = [], []
    for position, (label, port) in enumerate(list_ports(program)):
        size = count_bytes(program.model.graph.tensors[port.index])
        place = f"(uint8_t *)arena + {program.offsets[port.index]}"
        memory = f"arrays[{position}] + i * {size}u"
        if label.startswith("input"):
            before.append(f"    memcpy({place}, {memory}, {size}u);")
        else:
            after.append(f"    memcpy({memory}, {place}, {size}u);")
    return "\n".join(
        [
            "",
            "void snugnet_run_all(void *arena, uint8_t **arrays, uint64_t count);",
            "void snugnet_run_all(void *arena, uint8_t **arrays, uint64_t count) {",
            "  for (uint64_t i = 0; i < count; ++i) {",
            *before,
            f"    {NAME}_run(arena);",
            *after,
            "  }",
            "}",
            "",
        ]
    )
