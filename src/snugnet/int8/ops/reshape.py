"""RESHAPE: the same elements in another shape."""

from snugnet.int8.copies import reshaped
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare a change of shape.

    Real meaning: out has the elements of in, in the same order. The shape asked for, by a constant
    second input or the option `newShape`, must be that of the output in the file; one of its
    numbers may be -1.

    Kernel: `reshape.cc` of both runtimes, which copies.

    Args:
        node: Inputs: any, and the shape (int32) or none.
    """
    wanted = list(node.option("newShape", ()))
    if node.optional(1) is not None and node.input(1).dtype == "int32":
        wanted = node.integers(1)
    shape = list(node.output.shape)
    if wanted not in ([], [0]):
        fits = len(wanted) == len(shape) and wanted.count(-1) <= 1
        node.require(
            fits and all(w in (-1, n) for w, n in zip(wanted, shape, strict=True)),
            f"requested shape {wanted} differs from the output shape {shape}",
        )
    return reshaped(node)
