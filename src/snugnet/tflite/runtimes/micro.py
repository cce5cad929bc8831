"""TensorFlow Lite Micro from Python: one of the two runtimes that verify the integer engine."""

import os
import re
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from tflite_micro import runtime

from snugnet.core.tflite_graph import Graph
from snugnet.tflite.runtimes.one_by_one import Results, run_one_by_one

# Size of the tensor arena in bytes, in the memory of this machine. It is enough for all models that
# fit into a microcontroller.
ARENA_SIZE = 64 << 20
RECORD_ALLOCATIONS = runtime.InterpreterConfig.kAllocationRecording
PRESERVE_TENSORS = runtime.InterpreterConfig.kPreserveAllTensors


def run(file: bytes, graph: Graph, x: np.ndarray, traced: int) -> Results:
    """Run a model with TensorFlow Lite Micro; see `run_one_by_one`.

    Args:
        file: Content of a .tflite file with inputs of batch size 1.
        graph: Graph of the file.
        x: Samples in the types of the inputs, (n, ...), in the order of the file.
        traced: Number of first samples for which all tensors are kept.

    Raises:
        RuntimeError: If TensorFlow Lite Micro does not support the model.
    """
    interpreter = _open(file, PRESERVE_TENSORS)

    def invoke(sample: Sequence[np.ndarray]) -> np.ndarray:
        for position, values in enumerate(sample):
            interpreter.set_input(values, position)
        interpreter.invoke()
        output: np.ndarray = interpreter.get_output(0)
        return output

    def read_tensor(index: int) -> np.ndarray:
        values: np.ndarray = interpreter.GetTensor(index, 0)["tensor_data"]
        return values

    return run_one_by_one(graph, x, traced, "TensorFlow Lite Micro", invoke, read_tensor)


def measure_arena(file: bytes) -> int:
    """Measure the tensor arena that a model needs, with the 64-bit pointers of this machine.

    Args:
        file: Content of a .tflite file.

    Returns:
        Size of the arena in bytes, without the file itself.

    Raises:
        RuntimeError: If TensorFlow Lite Micro does not support the model.
    """
    interpreter = _open(file, RECORD_ALLOCATIONS)
    with tempfile.TemporaryFile() as stream:
        # TensorFlow Lite Micro reports allocations only on the stderr of the C library.
        stderr_copy = os.dup(2)
        os.dup2(stream.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(stderr_copy, 2)
            os.close(stderr_copy)
        stream.seek(0)
        output = stream.read().decode(errors="replace")
    match = re.search(r"Arena allocation total (\d+) bytes", output)
    if match is None:
        raise RuntimeError(f"TensorFlow Lite Micro did not report the arena size: {output[:200]!r}")
    return int(match[1])


def _open(file: bytes, config: Any) -> runtime.Interpreter:
    # The parameter is misspelled in the package.
    return runtime.Interpreter.from_bytes(file, arena_size=ARENA_SIZE, intrepreter_config=config)
