"""MAXIMUM: the larger of two elements."""

import numpy as np

from snugnet.int8.elementwise import ElementwiseFunction, make_binary_kernel
from snugnet.int8.node import Kernel, Node
from snugnet.int8.parameters import PairSelection


def prepare(node: Node) -> Kernel:
    """Prepare the larger of two tensors.

    Real meaning: out = max(a, b), broadcast. All tensors must have the same scale and zero point,
    because both kernels compare the raw integers; neither kernel checks this.

    Kernel: `reference_ops::MaximumMinimumBroadcastSlow`.

    Args:
        node: Inputs: a and b, both int8 or both int16.
    """
    return make_comparison_kernel(node, np.maximum)


def make_comparison_kernel(node: Node, function: ElementwiseFunction) -> Kernel:
    """Make the kernel that selects one of two integers.

    Args:
        node: MAXIMUM or MINIMUM operator.
        function: `np.maximum` or `np.minimum`.

    Returns:
        The kernel.

    Raises:
        ModelFormatError: If the types are not all int8 or all int16.
    """
    node.require_types(node.input(0), "int8", "int16")
    node.require_types(node.input(1), node.input(0).dtype)
    node.require_types(node.output, node.input(0).dtype)
    parameters = PairSelection(is_largest=function is np.maximum)
    return make_binary_kernel(node, function, lambda a, b: [], parameters)
