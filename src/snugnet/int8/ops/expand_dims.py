"""EXPAND_DIMS: a dimension of size 1 put in."""

from snugnet.int8.copies import reshaped
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare a dimension of size 1.

    Real meaning: out has the elements of in, and one dimension more.

    Kernel: `expand_dims.cc` of both runtimes, which copies.

    Args:
        node: Inputs: any; the place of the new dimension, one number.
    """
    rank = len(node.input(0).shape)
    axis = node.integers(1)
    node.require(
        len(axis) == 1 and -rank - 1 <= axis[0] <= rank,
        f"axis {axis} is out of range for rank {rank}",
    )
    shape = list(node.input(0).shape)
    shape.insert(axis[0] % (rank + 1), 1)
    node.require_shape(node.output, shape)
    return reshaped(node)
