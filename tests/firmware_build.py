"""Generated C code, compiled for this machine and loaded."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from snugnet.firmware.header import write_header
from snugnet.firmware.program import FirmwareProgram, make_program
from snugnet.firmware.source import write_source
from snugnet.int8.engine import Model

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-pedantic")
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="not installed: gcc")


@dataclass(frozen=True)
class Library:
    """A compiled model.

    Attributes:
        program: What the code does.
        library: The loaded library.
        name: Prefix of its names.
    """

    program: FirmwareProgram
    library: ctypes.CDLL
    name: str

    def predict(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs of one invocation."""
        memory = np.zeros(self.program.arena // 8 + 1, np.int64)
        arena, model = memory.view(np.uint8), self.program.model
        for port, x in zip(model.inputs, inputs, strict=True):
            content = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
            start = self.program.offsets[port.index]
            arena[start : start + len(content)] = content
        getattr(self.library, f"{self.name}_run")(memory.ctypes.data_as(ctypes.c_void_p))
        outputs = []
        for port in model.outputs:
            start, dtype = self.program.offsets[port.index], np.dtype(port.dtype)
            size = int(np.prod(port.shape)) * dtype.itemsize
            outputs.append(arena[start : start + size].view(dtype).reshape(port.shape).copy())
        return outputs


def compile_model(model: Model, folder: Path, *options: str, name: str = "net") -> Library:
    """Generate, compile and load the code of a model."""
    program = make_program(model)
    (folder / f"{name}.h").write_text(write_header(program, name))
    (folder / f"{name}.c").write_text(write_source(program, name))
    library = folder / f"{name}.so"
    command = ["gcc", "-std=c99", *WARNINGS, *(options or ("-O1",)), "-shared", "-fPIC"]
    done = subprocess.run(
        [*command, "-o", library, folder / f"{name}.c"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[:2000]
    return Library(program, ctypes.CDLL(str(library)), name)
