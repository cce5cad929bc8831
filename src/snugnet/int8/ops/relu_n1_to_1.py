"""RELU_N1_TO_1: limits of -1 and 1."""

from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.relu import rectifier


def prepare(node: Node) -> Kernel:
    """Prepare limits of -1 and 1.

    Real meaning: out = min(1, max(-1, in)). Scaled as RELU.

    Kernel: `reference_ops::ReluX`. TensorFlow Lite Micro does not have it.

    Args:
        node: Input: int8.
    """
    node.require(not node.tflm, "TensorFlow Lite Micro has no such kernel")
    node.require_types(node.input(0), "int8")
    return rectifier(node, -1.0, 1.0)
