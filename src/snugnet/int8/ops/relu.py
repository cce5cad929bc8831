"""RELU: what is below 0 becomes 0."""

from typing import Any

import numpy as np

from snugnet.int8.activation import as_limit
from snugnet.int8.elementwise import unary
from snugnet.int8.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier, wrap32
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.requantize import explain_scaling


def prepare(node: Node) -> Kernel:
    """Prepare a rectifier.

    Real meaning: out = max(0, in).

    The input less its zero point is scaled, rounded twice; it cannot overflow. The ratio of the
    scales is computed in float32 by `litert_ref`, in float64 by `tflm`.
    Saturation: at the output's zero point and the highest number.

    Kernel: `reference_ops::ReluX`.

    Args:
        node: Input: int8 or int16 (zero points 0).
    """
    return rectifier(node, 0.0, None)


def rectifier(node: Node, low: float, high: float | None) -> Kernel:
    """Make the kernel that scales and limits to two real numbers.

    Raises:
        ModelFormatError: If a type or zero point is not as the kernels need it.
    """
    given, made = node.input(0), node.output
    node.require_alike("int8", "int16")
    node.require_no_zero_points(given, made)
    q, shift = quantize_multiplier(node.ratio(scale(given)))
    least, most = limits(made)
    least = max(least, as_limit(node, low))
    most = most if high is None else min(most, as_limit(node, high))

    def limited(x: np.ndarray) -> np.ndarray:
        scaled = multiply_by_quantized_multiplier(x - zero_point(given), q, shift)
        # First the lower limit, as the kernel: it may lie above the upper one.
        return np.minimum(np.maximum(wrap32(scaled + zero_point(made)), least), most)

    def steps(x: int) -> list[tuple[str, Any]]:
        start = [("input zero point", zero_point(given))]
        return start + explain_scaling(
            x - zero_point(given), q, shift, zero_point(made), (least, most)
        )

    return unary(node, limited, steps)
