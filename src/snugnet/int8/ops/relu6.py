"""RELU6: what is below 0 becomes 0, what is above 6 becomes 6."""

import numpy as np

from snugnet.core.affine import round_half_away
from snugnet.int8.elementwise import unary
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.ops.relu import rectifier


def prepare(node: Node) -> Kernel:
    """Prepare a limited rectifier.

    Real meaning: out = min(6, max(0, in)).

    `litert_ref` scales as RELU does. `tflm` limits the input to its own zero point and its own 6,
    and ignores the output's scale and zero point.

    Kernels: `reference_ops::ReluX`; in TensorFlow Lite Micro `Relu6Quantized`.

    Args:
        node: Input: int8 or int16 (zero points 0).
    """
    if not node.tflm:
        return rectifier(node, 0.0, 6.0)
    given = node.input(0)
    node.require_types(given, "int8", "int16")
    node.require_types(node.output, given.dtype)
    node.require_quantized(given)
    with np.errstate(over="ignore"):
        steps = float(round_half_away(np.asarray(np.float32(6) / scale(given))))
    low, high = limits(given)
    six = int(np.clip(steps + zero_point(given), low, high))

    def limited(x: np.ndarray) -> np.ndarray:
        return np.minimum(np.maximum(x, zero_point(given)), six)

    return unary(node, limited, lambda x: [("limits", [zero_point(given), six])])
