"""PADV2: a tensor with a border of a constant."""

import numpy as np

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.pad import make_pad_kernel


def prepare(node: Node) -> Kernel:
    """Prepare a border of a constant.

    Real meaning: out is in with a constant value around it. The value must have the scale and zero
    point of the output. All integers are copied.

    Kernel: `reference_ops::Pad`.

    Args:
        node: Inputs: int8 or int16 of any shape, paddings (rank, 2), the value, one element.
    """
    value, output_tensor = node.input(2), node.output
    node.require_types(value, node.input(0).dtype)
    node.require_quantized(output_tensor)
    if output_tensor.dtype == "int8" or not node.is_tflm:
        node.require_quantized(value)
        node.require_same_quantization(value)
    number = np.ravel(node.constant(2))
    node.require(len(number) == 1, "the padding value must be one element")
    return make_pad_kernel(node, int(number[0]))
