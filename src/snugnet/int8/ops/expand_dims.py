"""EXPAND_DIMS: an additional dimension of size 1."""

from snugnet.int8.copies import make_reshape_kernel
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare the insertion of a dimension of size 1.

    Real meaning: out has the elements of in, with one additional dimension of size 1.

    Kernel: `expand_dims.cc` of both runtimes, which copies.

    Args:
        node: Inputs: any; the position of the new dimension, one number.
    """
    rank = len(node.input(0).shape)
    axis = node.constant_integers(1)
    node.require(
        len(axis) == 1 and -rank - 1 <= axis[0] <= rank,
        f"axis {axis} is out of range for rank {rank}",
    )
    shape = list(node.input(0).shape)
    shape.insert(axis[0] % (rank + 1), 1)
    node.require_shape(node.output, shape)
    return make_reshape_kernel(node)
