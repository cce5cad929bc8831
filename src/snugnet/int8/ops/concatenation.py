"""CONCATENATION: tensors one behind the other."""

import numpy as np

from snugnet.int8.copies import MOVED
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare a concatenation.

    Real meaning: out is the inputs along dimension `axis`. All is copied as it is: of int8,
    `litert_ref` asks for the output's scale and zero point in all inputs, of int16 for zero points
    of 0; `tflm` checks nothing.

    Kernel: `reference_ops::Concatenation`.

    Args:
        node: Inputs: two or more of the same type.
    """
    made = node.output
    node.require_types(made, *(dtype for dtype in MOVED if dtype != "uint8"))
    node.require(node.option("fusedActivationFunction") == 0, "a fused activation is not supported")
    given = [node.input(place) for place in range(len(node.inputs))]
    rank, axis = len(made.shape), node.option("axis")
    node.require(given and -rank <= axis < rank, f"axis {axis} is out of range for rank {rank}")
    axis %= rank
    for tensor in given:
        node.require_types(tensor, made.dtype)
        node.require(
            len(tensor.shape) == rank, f"tensor {tensor.index} must have the rank of the output"
        )
        along = tensor.shape[axis]
        node.require_shape(tensor, [*made.shape[:axis], along, *made.shape[axis + 1 :]])
        if made.dtype == "int8" and not node.tflm:
            node.require_same_quantization(tensor)
        if not node.tflm:
            node.require_no_zero_points(tensor, made)
    node.require(
        sum(t.shape[axis] for t in given) == made.shape[axis],
        "the input sizes along the axis do not add up to the output size",
    )

    def run(*arrays: np.ndarray) -> np.ndarray:
        count = max(len(array) for array in arrays)
        full = [np.broadcast_to(array, (count, *array.shape[1:])) for array in arrays]
        return np.concatenate(full, axis=axis + 1)

    return Kernel(run)
