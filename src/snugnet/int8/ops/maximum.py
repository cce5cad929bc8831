"""MAXIMUM: the larger of two elements."""

import numpy as np

from snugnet.int8.elementwise import Function, binary
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare the larger of two tensors.

    Real meaning: out = max(a, b), broadcast, of tensors of the same scale and zero point: both
    kernels compare the integers as they are, and check neither.

    Kernel: `reference_ops::MaximumMinimumBroadcastSlow`.

    Args:
        node: Inputs: a and b, both int8 or both int16.
    """
    return comparing(node, np.maximum)


def comparing(node: Node, function: Function) -> Kernel:
    """Make the kernel that keeps one of two integers as they are.

    Raises:
        ModelFormatError: If the types are not all int8 or all int16.
    """
    node.require_types(node.input(0), "int8", "int16")
    node.require_types(node.input(1), node.input(0).dtype)
    node.require_types(node.output, node.input(0).dtype)
    return binary(node, function, lambda a, b: [])
