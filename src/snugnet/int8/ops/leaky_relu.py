"""LEAKY_RELU: inputs below 0 are multiplied by a constant."""

from typing import Any

import numpy as np

from snugnet.int8.elementwise import make_unary_kernel
from snugnet.int8.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier, wrap32
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.parameters import LeakyRescale, Output, make_scaling
from snugnet.int8.requantize import explain_scaling


def prepare(node: Node) -> Kernel:
    """Prepare a leaky rectifier.

    Real meaning: out = in if in >= 0, otherwise alpha * in.

    The input less its zero point is scaled by one of two multipliers and rounded twice. If alpha is
    below 0, the magnitude is scaled, and the sign is changed. `litert_ref` computes the multipliers
    in float32, `tflm` in float64.
    Saturation: at the limits of the type.

    Kernel: `reference_ops::QuantizeLeakyRelu`.

    Args:
        node: Input: int8 or int16. Option `alpha`.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_same_type("int8", "int16")
    if not node.is_tflm:
        node.require_no_zero_points(input_tensor, output_tensor)
    positive_ratio = node.scale_ratio(scale(input_tensor))
    negative_ratio = node.scale_ratio(scale(input_tensor), node.option("alpha", 0.0))
    positive, negative = (
        quantize_multiplier(positive_ratio),
        quantize_multiplier(abs(negative_ratio)),
    )
    sign = 1 if negative_ratio >= 0 else -1

    def leaky_relu(x: np.ndarray) -> np.ndarray:
        x = x - zero_point(input_tensor)
        scaled = np.where(
            x >= 0,
            multiply_by_quantized_multiplier(x, *positive),
            sign * multiply_by_quantized_multiplier(x, *negative),
        )
        return np.clip(wrap32(scaled + zero_point(output_tensor)), *limits(output_tensor))

    def steps(x: int) -> list[tuple[str, Any]]:
        centred = x - zero_point(input_tensor)
        q, shift = positive if centred >= 0 else negative
        lines = explain_scaling(centred, q, shift, zero_point(output_tensor), limits(output_tensor))
        return [
            ("input zero point", zero_point(input_tensor)),
            ("sign of the scaled input", 1 if centred >= 0 else sign),
            *lines,
        ]

    parameters = LeakyRescale(
        zero_point(input_tensor),
        make_scaling(*positive),
        make_scaling(*negative),
        sign,
        Output(zero_point(output_tensor), *limits(output_tensor)),
    )
    return make_unary_kernel(node, leaky_relu, steps, parameters)
