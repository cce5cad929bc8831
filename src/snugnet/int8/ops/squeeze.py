"""SQUEEZE: dimensions of size 1 left out."""

from snugnet.int8.copies import reshaped
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare the loss of dimensions of size 1.

    Real meaning: out has the elements of in; the dimensions in the option `squeezeDims`, or all of
    size 1 if it is empty, are gone.

    Kernel: `squeeze.cc` of both runtimes, which copies.

    Args:
        node: Input: any.
    """
    shape = node.input(0).shape
    asked = list(node.option("squeezeDims", ()))
    node.require(
        all(-len(shape) <= axis < len(shape) for axis in asked),
        f"axes {asked} are out of range for rank {len(shape)}",
    )
    gone = {axis % len(shape) for axis in asked} or {i for i, n in enumerate(shape) if n == 1}
    node.require(
        all(shape[axis] == 1 for axis in gone), f"dimensions {sorted(gone)} must have size 1"
    )
    node.require_shape(node.output, [n for i, n in enumerate(shape) if i not in gone])
    return reshaped(node)
