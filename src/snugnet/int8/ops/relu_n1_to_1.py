"""RELU_N1_TO_1: limits of -1 and 1."""

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.relu import make_relu_kernel


def prepare(node: Node) -> Kernel:
    """Prepare limits of -1 and 1.

    Real meaning: out = min(1, max(-1, in)). The kernel scales as in RELU.

    Kernel: `reference_ops::ReluX`. TensorFlow Lite Micro does not have this operator.

    Args:
        node: Input: int8.
    """
    node.require(not node.is_tflm, "TensorFlow Lite Micro has no such kernel")
    node.require_types(node.input(0), "int8")
    return make_relu_kernel(node, -1.0, 1.0)
