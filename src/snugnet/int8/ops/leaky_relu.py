"""LEAKY_RELU: what is below 0 is multiplied by a small number."""

from typing import Any

import numpy as np

from snugnet.int8.elementwise import unary
from snugnet.int8.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier, wrap32
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.requantize import explain_scaling


def prepare(node: Node) -> Kernel:
    """Prepare a leaky rectifier.

    Real meaning: out = in where it is not below 0, elsewhere alpha * in.

    The input less its zero point is scaled by one of two multipliers and rounded twice; for an
    alpha below 0 the magnitude is scaled and the sign changed. The multipliers are computed in
    float32 by `litert_ref`, in float64 by `tflm`.
    Saturation: at the limits of the type.

    Kernel: `reference_ops::QuantizeLeakyRelu`.

    Args:
        node: Input: int8 or int16. Option `alpha`.
    """
    given, made = node.input(0), node.output
    node.require_alike("int8", "int16")
    if not node.tflm:
        node.require_no_zero_points(given, made)
    above = node.ratio(scale(given))
    below = node.ratio(scale(given), node.option("alpha"))
    positive, negative = quantize_multiplier(above), quantize_multiplier(abs(below))
    sign = 1 if below >= 0 else -1

    def leaky(x: np.ndarray) -> np.ndarray:
        x = x - zero_point(given)
        scaled = np.where(
            x >= 0,
            multiply_by_quantized_multiplier(x, *positive),
            sign * multiply_by_quantized_multiplier(x, *negative),
        )
        return np.clip(wrap32(scaled + zero_point(made)), *limits(made))

    def steps(x: int) -> list[tuple[str, Any]]:
        centred = x - zero_point(given)
        q, shift = positive if centred >= 0 else negative
        lines = explain_scaling(centred, q, shift, zero_point(made), limits(made))
        return [
            ("input zero point", zero_point(given)),
            ("sign of what is scaled", 1 if centred >= 0 else sign),
            *lines,
        ]

    return unary(node, leaky, steps)
