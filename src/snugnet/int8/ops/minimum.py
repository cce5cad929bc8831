"""MINIMUM: the smaller of two elements."""

import numpy as np

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.maximum import comparing


def prepare(node: Node) -> Kernel:
    """Prepare the smaller of two tensors.

    Real meaning: out = min(a, b), broadcast, of tensors of the same scale and zero point: both
    kernels compare the integers as they are, and check neither.

    Kernel: `reference_ops::MaximumMinimumBroadcastSlow`.

    Args:
        node: Inputs: a and b, both int8 or both int16.
    """
    return comparing(node, np.minimum)
