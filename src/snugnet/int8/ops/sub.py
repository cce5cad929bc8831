"""SUB: the difference of two tensors of different scales."""

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.add import check, powers_of_two, scaled_kernel, shifted_kernel


def prepare(node: Node) -> Kernel:
    """Prepare a difference.

    Real meaning: out = a - b, broadcast; then the fused activation.

    As ADD; but where `litert_ref` only shifts, it broadcasts.
    Saturation: at the limits of the type and of the activation.

    Kernels: `reference_ops::Sub`, `BroadcastQuantSubSlow`, `Sub16`; in TensorFlow Lite Micro
    `reference_ops::SubWithActivation`'s quantized form.

    Args:
        node: Inputs: a and b, both int8 or both int16.
    """
    check(node)
    shifts = powers_of_two(node)
    if shifts is not None:
        return shifted_kernel(node, shifts, -1)
    return scaled_kernel(node, -1)
