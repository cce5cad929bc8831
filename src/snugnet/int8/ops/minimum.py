"""MINIMUM: the smaller of two elements."""

import numpy as np

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.maximum import make_comparison_kernel


def prepare(node: Node) -> Kernel:
    """Prepare the smaller of two tensors.

    Real meaning: out = min(a, b), broadcast. All tensors must have the same scale and zero point,
    because both kernels compare the raw integers; neither kernel checks this.

    Kernel: `reference_ops::MaximumMinimumBroadcastSlow`.

    Args:
        node: Inputs: a and b, both int8 or both int16.
    """
    return make_comparison_kernel(node, np.minimum)
