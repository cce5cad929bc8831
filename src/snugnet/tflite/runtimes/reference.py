"""LiteRT with its reference kernels: one of the two runtimes that verify the integer engine."""

from collections.abc import Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from snugnet.core.tflite_graph import Graph
from snugnet.tflite.runtimes.custom_operators import refuse_tensorflow_operators
from snugnet.tflite.runtimes.one_by_one import Results, run_one_by_one


def run(file: bytes, graph: Graph, x: np.ndarray, traced: int) -> Results:
    """Run a model with LiteRT's reference kernels; see `run_one_by_one`.

    Args:
        file: Content of a .tflite file with inputs of batch size 1.
        graph: Graph of the file.
        x: Samples in the types of the inputs, (n, ...), in the order of the file.
        traced: Number of first samples for which all tensors are kept.
    """
    refuse_tensorflow_operators(file, "the file")
    interpreter = Interpreter(
        model_content=file,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()

    def invoke(sample: Sequence[np.ndarray]) -> np.ndarray:
        for index, values in zip(graph.inputs, sample, strict=True):
            interpreter.set_tensor(index, values)
        interpreter.invoke()
        output: np.ndarray = interpreter.get_tensor(graph.outputs[0])
        return output

    return run_one_by_one(graph, x, traced, "LiteRT's reference", invoke, interpreter.get_tensor)
