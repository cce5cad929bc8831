"""PADV2: a tensor with a border of a given value."""

import numpy as np

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.pad import padding


def prepare(node: Node) -> Kernel:
    """Prepare a border of a constant.

    Real meaning: out is in with a value around it. The value is stored as the output is: the same
    scale and zero point are asked for; all is copied as it is.

    Kernel: `reference_ops::Pad`.

    Args:
        node: Inputs: int8 or int16 of any shape, paddings (rank, 2), the value, one element.
    """
    value, made = node.input(2), node.output
    node.require_types(value, node.input(0).dtype)
    node.require_quantized(made)
    if made.dtype == "int8" or not node.tflm:
        node.require_quantized(value)
        node.require_same_quantization(value)
    number = np.ravel(node.constant(2))
    node.require(len(number) == 1, "the padding value must be one element")
    return padding(node, int(number[0]))
