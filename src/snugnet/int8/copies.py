"""Checks and kernels shared by operators that copy elements and compute nothing."""

from typing import Any

import numpy as np

from snugnet.int8.node import Kernel, Node, count_elements
from snugnet.int8.parameters import Copies

# Types that the operators copy. Shapes are int32 or int64. Tensors are float32 before QUANTIZE and
# after DEQUANTIZE.
COPYABLE_TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32")


def check_copy(node: Node, position: int = 0) -> None:
    """Check that the operator copies a supported type, and does not change it.

    Args:
        node: The operator.
        position: Position of the input that is copied.

    Raises:
        ModelFormatError: If the type is not supported, or if an output has another type.
    """
    node.require_types(node.input(position), *COPYABLE_TYPES)
    for output_tensor in node.outputs:
        node.require_types(output_tensor, node.input(position).dtype)


def make_reshape_kernel(node: Node) -> Kernel:
    """Make the kernel of an operator that only changes the shape.

    Args:
        node: The operator; the output has the shape of the output tensor in the file.

    Returns:
        The kernel.

    Raises:
        ModelFormatError: If the type is not supported, or if the number of elements changes.
    """
    check_copy(node)
    input_tensor, output_tensor = node.input(0), node.output
    node.require(
        count_elements(input_tensor) == count_elements(output_tensor),
        f"cannot reshape {list(input_tensor.shape)} to {list(output_tensor.shape)}",
    )

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return x.reshape(x.shape[0], *output_tensor.shape)

    return Kernel(run, parameters=Copies())
