"""DEQUANTIZE: integers to the real numbers that they stand for."""

import numpy as np

from snugnet.int8.elementwise import unary
from snugnet.int8.node import Kernel, Node, scale, zero_point


def prepare(node: Node) -> Kernel:
    """Prepare a dequantization.

    Real meaning: out = scale * (in - zero point), rounded to float32 once.

    Kernel: `reference_ops::Dequantize`.

    Args:
        node: Input: int8, uint8 or int16. Output: float32.
    """
    given = node.input(0)
    node.require_types(given, "int8", "uint8", "int16")
    node.require_types(node.output, "float32")
    node.require_quantized(given)
    if not node.tflm:
        node.require_no_zero_points(given)

    def real(x: np.ndarray) -> np.ndarray:
        return scale(given) * (x - zero_point(given)).astype(np.float32)

    return unary(
        node,
        real,
        lambda x: [("zero point", zero_point(given)), ("scale", float(scale(given)))],
    )
