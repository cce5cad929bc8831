"""PACK: tensors stacked along a new dimension."""

import numpy as np

from snugnet.int8.copies import COPYABLE_TYPES
from snugnet.int8.node import Kernel, Node
from snugnet.int8.parameters import Copies


def prepare(node: Node) -> Kernel:
    """Prepare a stack.

    Real meaning: out[…, i, …] = the i-th input, along dimension `axis`. The integers are copied.
    `litert_ref` requires that all inputs have the scale and zero point of the output.

    Kernel: `reference_ops::Pack`.

    Args:
        node: Inputs: one or more of the same shape and type.
    """
    output_tensor = node.output
    node.require_types(output_tensor, *COPYABLE_TYPES)
    inputs = [node.input(position) for position in range(len(node.inputs))]
    rank, axis = len(output_tensor.shape), node.option("axis")
    node.require(inputs and -rank <= axis < rank, f"axis {axis} is out of range for rank {rank}")
    axis %= rank
    shape = list(inputs[0].shape)
    for tensor in inputs:
        node.require_types(tensor, output_tensor.dtype)
        node.require_shape(tensor, shape)
        if not node.is_tflm:
            node.require_same_quantization(tensor)
    node.require_shape(output_tensor, [*shape[:axis], len(inputs), *shape[axis:]])

    def run(*arrays: np.ndarray) -> np.ndarray:
        return np.stack(np.broadcast_arrays(*arrays), axis=axis + 1)

    return Kernel(run, parameters=Copies())
