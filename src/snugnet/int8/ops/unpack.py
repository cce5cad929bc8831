"""UNPACK: the slices of a tensor along one dimension."""

import numpy as np

from snugnet.int8.copies import check_copy
from snugnet.int8.node import Kernel, Node
from snugnet.int8.parameters import Copies


def prepare(node: Node) -> Kernel:
    """Prepare the slices along a dimension.

    Real meaning: the i-th output = in[…, i, …], along dimension `axis`. The integers are copied.
    `litert_ref` requires that all outputs have the scale and zero point of the input.

    Kernel: `reference_ops::Unpack`.

    Args:
        node: Input: any tensor. Outputs: one for each index of the dimension.
    """
    check_copy(node)
    tensor = node.input(0)
    rank, axis = len(tensor.shape), node.option("axis")
    node.require(-rank <= axis < rank, f"axis {axis} is out of range for rank {rank}")
    axis %= rank
    node.require(
        tensor.shape[axis] == len(node.outputs),
        f"dimension {axis} has size {tensor.shape[axis]}; there are {len(node.outputs)} outputs",
    )
    shape = [*tensor.shape[:axis], *tensor.shape[axis + 1 :]]
    for output_tensor in node.outputs:
        node.require_shape(output_tensor, shape)
        if not node.is_tflm:
            node.require_same_quantization(tensor, output_tensor)

    def run(x: np.ndarray) -> list[np.ndarray]:
        return [np.take(x, i, axis=axis + 1) for i in range(x.shape[axis + 1])]

    return Kernel(run, parameters=Copies())
