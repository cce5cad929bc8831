"""DEQUANTIZE: integers to the real numbers that they represent."""

import numpy as np

from snugnet.int8.elementwise import make_unary_kernel
from snugnet.int8.node import Kernel, Node, scale, zero_point
from snugnet.int8.parameters import ToFloat


def prepare(node: Node) -> Kernel:
    """Prepare a dequantization.

    Real meaning: out = scale * (in - zero point), rounded to float32 once.

    Kernel: `reference_ops::Dequantize`.

    Args:
        node: Input: int8, uint8 or int16. Output: float32.
    """
    input_tensor = node.input(0)
    node.require_types(input_tensor, "int8", "uint8", "int16")
    node.require_types(node.output, "float32")
    node.require_quantized(input_tensor)
    if not node.is_tflm:
        node.require_no_zero_points(input_tensor)

    def dequantize(x: np.ndarray) -> np.ndarray:
        return scale(input_tensor) * (x - zero_point(input_tensor)).astype(np.float32)

    return make_unary_kernel(
        node,
        dequantize,
        lambda x: [("zero point", zero_point(input_tensor)), ("scale", float(scale(input_tensor)))],
        ToFloat(scale(input_tensor), zero_point(input_tensor)),
    )
