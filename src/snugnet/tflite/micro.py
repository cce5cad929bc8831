"""TensorFlow Lite Micro itself, as its Python package runs it: the other truth."""

import os
import re
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from tflite_micro import runtime

from snugnet.progress import progress
from snugnet.tflite.graph import Graph

# Enough for all models that a microcontroller could hold; it is memory of this machine.
ARENA = 64 << 20
RECORDING = runtime.InterpreterConfig.kAllocationRecording
KEEPING = runtime.InterpreterConfig.kPreserveAllTensors


def outputs(file: bytes, x: np.ndarray) -> np.ndarray:
    """Compute the first output of samples one by one, (n, ...).

    Args:
        file: A .tflite file with one input of batch 1.
        x: In the input's own type, (n, ...).

    Raises:
        RuntimeError: If TensorFlow Lite Micro refuses the model.
    """
    interpreter = _open(file, RECORDING)
    made = []
    with progress(len(x), "TensorFlow Lite Micro") as meter:
        for i in range(len(x)):
            interpreter.set_input(x[i : i + 1], 0)
            interpreter.invoke()
            made.append(interpreter.get_output(0))
            meter.update(1)
    return np.concatenate(made)


def traces(file: bytes, graph: Graph, x: np.ndarray) -> Iterator[dict[int, np.ndarray]]:
    """Yield for each sample every tensor that an operator writes, by index.

    Args:
        file: A .tflite file with one input of batch 1.
        graph: What it holds.
        x: In the input's own type, (n, ...).
    """
    interpreter = _open(file, KEEPING)
    written = [i for operator in graph.operators for i in operator.outputs]
    for i in range(len(x)):
        interpreter.set_input(x[i : i + 1], 0)
        interpreter.invoke()
        yield {index: interpreter.GetTensor(index, 0)["tensor_data"] for index in written}


def arena_bytes(file: bytes) -> int:
    """Tell how much memory the model needs beside its file, on this machine's 64-bit pointers.

    Raises:
        RuntimeError: If TensorFlow Lite Micro refuses the model.
    """
    interpreter = _open(file, RECORDING)
    with tempfile.TemporaryFile() as stream:
        # It prints to the C library's stderr and has no other way to tell.
        kept = os.dup(2)
        os.dup2(stream.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        stream.seek(0)
        said = stream.read().decode(errors="replace")
    found = re.search(r"Arena allocation total (\d+) bytes", said)
    if found is None:
        raise RuntimeError(f"TensorFlow Lite Micro did not tell its arena: {said[:200]!r}")
    return int(found[1])


def _open(file: bytes, config: Any) -> runtime.Interpreter:
    return runtime.Interpreter.from_bytes(file, arena_size=ARENA, intrepreter_config=config)
