"""SUB: the difference of two tensors of different scales."""

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.add import (
    check_addends,
    make_scaled_kernel,
    make_shifted_kernel,
    power_of_two_shifts,
)


def prepare(node: Node) -> Kernel:
    """Prepare a difference.

    Real meaning: out = a - b, broadcast; then the fused activation.

    The arithmetic is that of ADD, but `litert_ref` also broadcasts where it only shifts.
    Saturation: at the limits of the type and of the activation.

    Kernels: `reference_ops::Sub`, `BroadcastQuantSubSlow`, `Sub16`; in TensorFlow Lite Micro
    `reference_ops::SubWithActivation`'s quantized form.

    Args:
        node: Inputs: a and b, both int8 or both int16.
    """
    check_addends(node)
    shifts = power_of_two_shifts(node)
    if shifts is not None:
        return make_shifted_kernel(node, shifts, -1)
    return make_scaled_kernel(node, -1)
