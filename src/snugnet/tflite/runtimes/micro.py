"""TensorFlow Lite Micro from Python: one of the two runtimes that verify the integer engine."""

import os
import re
import tempfile
from typing import Any

import numpy as np
from tflite_micro import runtime

from snugnet.core.progress import progress
from snugnet.core.tflite_graph import Graph

# Size of the tensor arena in bytes, in the memory of this machine. It is enough for all models that
# fit into a microcontroller.
ARENA_SIZE = 64 << 20
RECORD_ALLOCATIONS = runtime.InterpreterConfig.kAllocationRecording
PRESERVE_TENSORS = runtime.InterpreterConfig.kPreserveAllTensors


def run(
    file: bytes, graph: Graph, x: np.ndarray, traced: int
) -> tuple[np.ndarray, list[dict[int, np.ndarray]]]:
    """Run a model on samples, one by one.

    Args:
        file: Content of a .tflite file with one input of batch size 1.
        graph: Graph of the file.
        x: Samples in the type of the input, (n, ...).
        traced: Number of first samples for which all tensors are kept.

    Returns:
        The first output, (n, ...), and for each traced sample all tensors that operators write, by
        index.

    Raises:
        RuntimeError: If TensorFlow Lite Micro does not support the model.
    """
    interpreter = _open(file, PRESERVE_TENSORS)
    output_indices = [i for operator in graph.operators for i in operator.outputs]
    outputs, traces = [], []
    with progress(len(x), "TensorFlow Lite Micro") as meter:
        for i in range(len(x)):
            interpreter.set_input(x[i : i + 1], 0)
            interpreter.invoke()
            outputs.append(interpreter.get_output(0))
            if i < traced:
                traces.append(
                    {
                        index: interpreter.GetTensor(index, 0)["tensor_data"]
                        for index in output_indices
                    }
                )
            meter.update(1)
    return np.concatenate(outputs), traces


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
