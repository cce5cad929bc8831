"""TensorFlow Lite Micro itself, as its Python package runs it: the other truth."""

import os
import re
import tempfile
from typing import Any

import numpy as np
from tflite_micro import runtime

from snugnet.core.progress import progress
from snugnet.core.tflite_graph import Graph

# Enough for all models that a microcontroller could hold; it is memory of this machine.
ARENA = 64 << 20
RECORDING = runtime.InterpreterConfig.kAllocationRecording
KEEPING = runtime.InterpreterConfig.kPreserveAllTensors


def run(
    file: bytes, graph: Graph, x: np.ndarray, traced: int
) -> tuple[np.ndarray, list[dict[int, np.ndarray]]]:
    """Compute samples one by one.

    Args:
        file: A .tflite file with one input of batch 1.
        graph: What it holds.
        x: In the input's own type, (n, ...).
        traced: Of how many samples, the first ones, every tensor is kept.

    Returns:
        The first output, (n, ...), and for each traced sample every tensor that an operator writes,
        by index.

    Raises:
        RuntimeError: If TensorFlow Lite Micro refuses the model.
    """
    interpreter = _open(file, KEEPING)
    written = [i for operator in graph.operators for i in operator.outputs]
    outputs, traces = [], []
    with progress(len(x), "TensorFlow Lite Micro") as meter:
        for i in range(len(x)):
            interpreter.set_input(x[i : i + 1], 0)
            interpreter.invoke()
            outputs.append(interpreter.get_output(0))
            if i < traced:
                traces.append(
                    {index: interpreter.GetTensor(index, 0)["tensor_data"] for index in written}
                )
            meter.update(1)
    return np.concatenate(outputs), traces


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
        raise RuntimeError(f"TensorFlow Lite Micro did not report the arena size: {said[:200]!r}")
    return int(found[1])


def _open(file: bytes, config: Any) -> runtime.Interpreter:
    return runtime.Interpreter.from_bytes(file, arena_size=ARENA, intrepreter_config=config)
