"""LiteRT with its reference kernels: one of the two runtimes that verify the integer engine."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from snugnet.core.tflite_graph import Graph
from snugnet.tflite.runtimes.one_by_one import Results, run_one_by_one


def run(file: bytes, graph: Graph, x: np.ndarray, traced: int) -> Results:
    """Run a model with LiteRT's reference kernels; see `run_one_by_one`.

    Args:
        file: Content of a .tflite file with one input of batch size 1.
        graph: Graph of the file.
        x: Samples in the type of the input, (n, ...).
        traced: Number of first samples for which all tensors are kept.
    """
    interpreter = Interpreter(
        model_content=file,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    input_index = interpreter.get_input_details()[0]["index"]

    def invoke(sample: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(input_index, sample)
        interpreter.invoke()
        output: np.ndarray = interpreter.get_tensor(graph.outputs[0])
        return output

    return run_one_by_one(graph, x, traced, "LiteRT's reference", invoke, interpreter.get_tensor)
