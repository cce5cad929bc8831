"""LiteRT's reference kernels: one of the two truths that the integer engine is compared with."""

from collections.abc import Iterator

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from snugnet.progress import progress
from snugnet.tflite.graph import Graph


def outputs(file: bytes, x: np.ndarray) -> np.ndarray:
    """Compute the first output of samples one by one, (n, ...).

    Args:
        file: A .tflite file with one input of batch 1.
        x: In the input's own type, (n, ...).
    """
    interpreter, given = _open(file, keep=False)
    wanted = interpreter.get_output_details()[0]["index"]
    made = []
    with progress(len(x), "LiteRT's reference") as meter:
        for i in range(len(x)):
            interpreter.set_tensor(given, x[i : i + 1])
            interpreter.invoke()
            made.append(interpreter.get_tensor(wanted))
            meter.update(1)
    return np.concatenate(made)


def traces(file: bytes, graph: Graph, x: np.ndarray) -> Iterator[dict[int, np.ndarray]]:
    """Yield for each sample every tensor that an operator writes, by index.

    Args:
        file: A .tflite file with one input of batch 1.
        graph: What it holds.
        x: In the input's own type, (n, ...).
    """
    interpreter, given = _open(file, keep=True)
    written = [i for operator in graph.operators for i in operator.outputs]
    for i in range(len(x)):
        interpreter.set_tensor(given, x[i : i + 1])
        interpreter.invoke()
        yield {index: interpreter.get_tensor(index) for index in written}


def _open(file: bytes, keep: bool) -> tuple[Interpreter, int]:
    interpreter = Interpreter(
        model_content=file,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=keep,
    )
    interpreter.allocate_tensors()
    return interpreter, interpreter.get_input_details()[0]["index"]
