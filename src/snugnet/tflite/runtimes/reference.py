"""LiteRT with its reference kernels: one of the two runtimes that verify the integer engine."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from snugnet.core.progress import progress
from snugnet.core.tflite_graph import Graph


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
    """
    interpreter = Interpreter(
        model_content=file,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    input_index = interpreter.get_input_details()[0]["index"]
    output_indices = [i for operator in graph.operators for i in operator.outputs]
    outputs, traces = [], []
    with progress(len(x), "LiteRT's reference") as meter:
        for i in range(len(x)):
            interpreter.set_tensor(input_index, x[i : i + 1])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(graph.outputs[0]))
            if i < traced:
                traces.append({index: interpreter.get_tensor(index) for index in output_indices})
            meter.update(1)
    return np.concatenate(outputs), traces
