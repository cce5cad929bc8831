"""PACK: tensors stacked along a new dimension."""

import numpy as np

from snugnet.int8.copies import MOVED
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare a stack.

    Real meaning: out[…, i, …] = the i-th input, along dimension `axis`. All is copied as it is;
    `litert_ref` asks for the output's scale and zero point in all inputs.

    Kernel: `reference_ops::Pack`.

    Args:
        node: Inputs: one or more of the same shape and type.
    """
    made = node.output
    node.require_types(made, *MOVED)
    given = [node.input(place) for place in range(len(node.inputs))]
    rank, axis = len(made.shape), node.option("axis")
    node.require(given and -rank <= axis < rank, f"axis {axis} is out of range for rank {rank}")
    axis %= rank
    shape = list(given[0].shape)
    for tensor in given:
        node.require_types(tensor, made.dtype)
        node.require_shape(tensor, shape)
        if not node.tflm:
            node.require_same_quantization(tensor)
    node.require_shape(made, [*shape[:axis], len(given), *shape[axis:]])

    def run(*arrays: np.ndarray) -> np.ndarray:
        return np.stack(np.broadcast_arrays(*arrays), axis=axis + 1)

    return Kernel(run)
