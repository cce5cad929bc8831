"""REDUCE_MAX: the largest element over some dimensions."""

from typing import Any

import numpy as np

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.mean import check_reduction
from snugnet.int8.parameters import Largest


def prepare(node: Node) -> Kernel:
    """Prepare a maximum.

    Real meaning: out = max of in over the given dimensions. Nothing is scaled; both runtimes refuse
    scales and zero points that differ.

    Kernel: `reference_ops::ReduceGeneric`.

    Args:
        node: Inputs: int8, in `litert_ref` also int16, of any shape; dimensions (int32).
    """
    input_tensor, output_tensor = node.input(0), node.output
    allowed = ("int8",) if node.is_tflm else ("int8", "int16")
    node.require_types(input_tensor, *allowed)
    axes, _ = check_reduction(node)
    node.require_same_quantization(input_tensor)
    array_axes = tuple(axis + 1 for axis in axes)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return x.max(axis=array_axes).reshape(x.shape[0], *output_tensor.shape)

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        moved = np.moveaxis(arrays[0], axes, range(len(axes))).reshape(-1, *output_tensor.shape)
        elements = np.array([values[index] for values in moved])
        return [("elements", elements.tolist()), ("output", int(elements.max()))]

    return Kernel(run, explain, Largest(axes))
