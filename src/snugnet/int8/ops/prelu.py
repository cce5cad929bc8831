"""PRELU: what is below 0 is multiplied by a number of its own."""

from typing import Any

import numpy as np

from snugnet.int8.elementwise import binary
from snugnet.int8.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier, wrap32
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.requantize import explain_scaling


def prepare(node: Node) -> Kernel:
    """Prepare a parametric rectifier.

    Real meaning: out = in where it is not below 0, elsewhere alpha * in, alpha broadcast.

    Scaled by one of two multipliers, rounded twice. They are computed in float32 by `litert_ref`,
    in float64 by `tflm`.
    Saturation: at the limits of the type.

    Kernel: `reference_ops::BroadcastPrelu4DSlow`.

    Args:
        node: Inputs: int8; alpha (int8).
    """
    given, alpha, made = node.input(0), node.input(1), node.output
    for tensor in (given, alpha, made):
        node.require_types(tensor, "int8")
    node.require_quantized(given, alpha, made)
    above = node.ratio(scale(given))
    below = node.ratio(scale(given), scale(alpha))
    node.require_shape(made, given.shape)
    positive, negative = quantize_multiplier(above), quantize_multiplier(below)

    def parametric(x: np.ndarray, a: np.ndarray) -> np.ndarray:
        x = x - zero_point(given)
        scaled = np.where(
            x >= 0,
            multiply_by_quantized_multiplier(x, *positive),
            multiply_by_quantized_multiplier(x * (a - zero_point(alpha)), *negative),
        )
        return np.clip(wrap32(scaled + zero_point(made)), *limits(made))

    def steps(x: int, a: int) -> list[tuple[str, Any]]:
        centred = x - zero_point(given)
        q, shift = positive if centred >= 0 else negative
        raw = centred if centred >= 0 else centred * (a - zero_point(alpha))
        lines = explain_scaling(raw, q, shift, zero_point(made), limits(made))
        return [("input zero points", [zero_point(given), zero_point(alpha)]), *lines]

    return binary(node, parametric, steps)
