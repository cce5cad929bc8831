"""RESHAPE: the same elements in another shape."""

from snugnet.int8.copies import make_reshape_kernel
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare a change of shape.

    Real meaning: out has the elements of in, in the same order. A constant second input or the
    option `newShape` requests a shape. It must be the shape of the output in the file; one of its
    numbers may be -1.

    Kernel: `reshape.cc` of both runtimes, which copies.

    Args:
        node: Inputs: any, and the shape (int32) or none.
    """
    requested_shape = list(node.option("newShape", ()))
    if node.optional_input(1) is not None and node.input(1).dtype == "int32":
        requested_shape = node.constant_integers(1)
    shape = list(node.output.shape)
    if requested_shape not in ([], [0]):
        fits = len(requested_shape) == len(shape) and requested_shape.count(-1) <= 1
        node.require(
            fits and all(w in (-1, n) for w, n in zip(requested_shape, shape, strict=True)),
            f"requested shape {requested_shape} differs from the output shape {shape}",
        )
    return make_reshape_kernel(node)
