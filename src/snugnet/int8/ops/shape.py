"""SHAPE: the sizes of a tensor's dimensions."""

from typing import Any

import numpy as np

from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare a shape.

    Real meaning: out[i] = the size of dimension i of in. One invocation has the shapes of the file,
    so that the output is a constant.

    Kernel: `shape.cc` of both runtimes.

    Args:
        node: Input: any. Output: int32, in `litert_ref` also int64.
    """
    allowed = ("int32",) if node.is_tflm else ("int32", "int64")
    node.require_types(node.output, *allowed)
    shape = node.input(0).shape
    node.require_shape(node.output, [len(shape)])
    values = np.array([shape], node.output.dtype)

    def run(*_: Any) -> np.ndarray:
        return values

    return Kernel(run)
