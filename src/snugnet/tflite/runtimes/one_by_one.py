"""Run a model on samples one by one, and keep all tensors of the first samples."""

from collections.abc import Callable, Sequence

import numpy as np

from snugnet.core.inputs import split_inputs
from snugnet.core.progress import progress
from snugnet.core.tflite_graph import Graph

# The first output, (n, ...), and for each traced sample all tensors that operators write, by index.
Results = tuple[np.ndarray, list[dict[int, np.ndarray]]]


def run_one_by_one(
    graph: Graph,
    x: np.ndarray,
    traced: int,
    runtime: str,
    invoke: Callable[[Sequence[np.ndarray]], np.ndarray],
    read_tensor: Callable[[int], np.ndarray],
) -> Results:
    """Run a model on samples, one by one.

    Args:
        graph: Graph of the file.
        x: Samples in the types of the inputs, (n, ...), in the order of the file.
        traced: Number of first samples for which all tensors are kept.
        runtime: Name of the runtime, for the progress line.
        invoke: Computes the first output for one sample, from an array (1, ...) for each input.
        read_tensor: Returns the values of a tensor after `invoke`, by index.
    """
    output_indices = [i for operator in graph.operators for i in operator.outputs]
    outputs, traces = [], []
    arrays = list(split_inputs(x).values())
    with progress(len(x), runtime) as meter:
        for i in range(len(x)):
            outputs.append(invoke([array[i : i + 1] for array in arrays]))
            if i < traced:
                traces.append({index: read_tensor(index) for index in output_indices})
            meter.update(1)
    return np.concatenate(outputs), traces
