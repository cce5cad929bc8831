"""SQUEEZE: dimensions of size 1 removed."""

from snugnet.int8.copies import make_reshape_kernel
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare the removal of dimensions of size 1.

    Real meaning: out has the elements of in, without the dimensions in the option `squeezeDims`. If
    the option is empty, all dimensions of size 1 are removed.

    Kernel: `squeeze.cc` of both runtimes, which copies.

    Args:
        node: Input: any.
    """
    shape = node.input(0).shape
    requested_axes = list(node.option("squeezeDims", ()))
    node.require(
        all(-len(shape) <= axis < len(shape) for axis in requested_axes),
        f"axes {requested_axes} are out of range for rank {len(shape)}",
    )
    removed_axes = {axis % len(shape) for axis in requested_axes} or {
        i for i, n in enumerate(shape) if n == 1
    }
    node.require(
        all(shape[axis] == 1 for axis in removed_axes),
        f"dimensions {sorted(removed_axes)} must have size 1",
    )
    node.require_shape(node.output, [n for i, n in enumerate(shape) if i not in removed_axes])
    return make_reshape_kernel(node)
