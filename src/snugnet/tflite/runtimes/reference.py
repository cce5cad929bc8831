"""LiteRT's reference kernels: one of the two truths that the integer engine is compared with."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from snugnet.core.progress import progress
from snugnet.core.tflite_graph import Graph


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
    """
    interpreter = Interpreter(
        model_content=file,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]["index"]
    written = [i for operator in graph.operators for i in operator.outputs]
    outputs, traces = [], []
    with progress(len(x), "LiteRT's reference") as meter:
        for i in range(len(x)):
            interpreter.set_tensor(given, x[i : i + 1])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(graph.outputs[0]))
            if i < traced:
                traces.append({index: interpreter.get_tensor(index) for index in written})
            meter.update(1)
    return np.concatenate(outputs), traces
