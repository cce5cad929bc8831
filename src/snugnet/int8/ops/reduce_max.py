"""REDUCE_MAX: the largest element over some dimensions."""

from typing import Any

import numpy as np

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.mean import reduction


def prepare(node: Node) -> Kernel:
    """Prepare a maximum.

    Real meaning: out = max of in over the given dimensions. Nothing is scaled: both runtimes refuse
    scales and zero points that differ.

    Kernel: `reference_ops::ReduceGeneric`.

    Args:
        node: Inputs: int8, in `litert_ref` also int16, of any shape; dimensions (int32).
    """
    given, made = node.input(0), node.output
    node.require_types(given, *(("int8",) if node.tflm else ("int8", "int16")))
    axes, _ = reduction(node)
    node.require_same_quantization(given)
    behind = tuple(axis + 1 for axis in axes)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return x.max(axis=behind).reshape(x.shape[0], *made.shape)

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        moved = np.moveaxis(arrays[0], axes, range(len(axes))).reshape(-1, *made.shape)
        elements = np.array([values[index] for values in moved])
        return [("elements", elements.tolist()), ("output", int(elements.max()))]

    return Kernel(run, explain)
