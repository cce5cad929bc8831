"""CONCATENATION: tensors concatenated along a dimension."""

import numpy as np

from snugnet.int8.copies import COPYABLE_TYPES
from snugnet.int8.node import Kernel, Node
from snugnet.int8.parameters import Copies


def prepare(node: Node) -> Kernel:
    """Prepare a concatenation.

    Real meaning: out is all inputs, concatenated along dimension `axis`. The integers are copied.
    `litert_ref` requires for int8 that all inputs have the scale and zero point of the output, and
    for int16 that zero points are 0. `tflm` checks nothing.

    Kernel: `reference_ops::Concatenation`.

    Args:
        node: Inputs: two or more of the same type.
    """
    output_tensor = node.output
    node.require_types(output_tensor, *(dtype for dtype in COPYABLE_TYPES if dtype != "uint8"))
    node.require(node.option("fusedActivationFunction") == 0, "a fused activation is not supported")
    inputs = [node.input(position) for position in range(len(node.inputs))]
    rank, axis = len(output_tensor.shape), node.option("axis")
    node.require(inputs and -rank <= axis < rank, f"axis {axis} is out of range for rank {rank}")
    axis %= rank
    for tensor in inputs:
        node.require_types(tensor, output_tensor.dtype)
        node.require(
            len(tensor.shape) == rank, f"tensor {tensor.index} must have the rank of the output"
        )
        size = tensor.shape[axis]
        node.require_shape(
            tensor, [*output_tensor.shape[:axis], size, *output_tensor.shape[axis + 1 :]]
        )
        if output_tensor.dtype == "int8" and not node.is_tflm:
            node.require_same_quantization(tensor)
        if not node.is_tflm:
            node.require_no_zero_points(tensor, output_tensor)
    node.require(
        sum(t.shape[axis] for t in inputs) == output_tensor.shape[axis],
        "the input sizes along the axis do not add up to the output size",
    )

    def run(*arrays: np.ndarray) -> np.ndarray:
        count = max(len(array) for array in arrays)
        repeated = [np.broadcast_to(array, (count, *array.shape[1:])) for array in arrays]
        return np.concatenate(repeated, axis=axis + 1)

    return Kernel(run, parameters=Copies())
