"""PRELU: inputs below 0 are multiplied by learned factors."""

from typing import Any

import numpy as np

from snugnet.int8.elementwise import make_binary_kernel
from snugnet.int8.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier, wrap32
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.parameters import Output, ParametricRescale, make_scaling
from snugnet.int8.requantize import explain_scaling


def prepare(node: Node) -> Kernel:
    """Prepare a parametric rectifier.

    Real meaning: out = in if in >= 0, otherwise alpha * in, with alpha broadcast.

    The input, or its product with alpha, is scaled by one of two multipliers and rounded twice.
    `litert_ref` computes the multipliers in float32, `tflm` in float64.
    Saturation: at the limits of the type.

    Kernel: `reference_ops::BroadcastPrelu4DSlow`.

    Args:
        node: Inputs: int8; alpha (int8).
    """
    input_tensor, alpha, output_tensor = node.input(0), node.input(1), node.output
    for tensor in (input_tensor, alpha, output_tensor):
        node.require_types(tensor, "int8")
    node.require_quantized(input_tensor, alpha, output_tensor)
    positive_ratio = node.scale_ratio(scale(input_tensor))
    negative_ratio = node.scale_ratio(scale(input_tensor), scale(alpha))
    node.require_shape(output_tensor, input_tensor.shape)
    positive, negative = quantize_multiplier(positive_ratio), quantize_multiplier(negative_ratio)

    def prelu(x: np.ndarray, a: np.ndarray) -> np.ndarray:
        x = x - zero_point(input_tensor)
        scaled = np.where(
            x >= 0,
            multiply_by_quantized_multiplier(x, *positive),
            multiply_by_quantized_multiplier(x * (a - zero_point(alpha)), *negative),
        )
        return np.clip(wrap32(scaled + zero_point(output_tensor)), *limits(output_tensor))

    def steps(x: int, a: int) -> list[tuple[str, Any]]:
        centred = x - zero_point(input_tensor)
        q, shift = positive if centred >= 0 else negative
        raw = centred if centred >= 0 else centred * (a - zero_point(alpha))
        lines = explain_scaling(raw, q, shift, zero_point(output_tensor), limits(output_tensor))
        return [("input zero points", [zero_point(input_tensor), zero_point(alpha)]), *lines]

    parameters = ParametricRescale(
        zero_point(input_tensor),
        zero_point(alpha),
        make_scaling(*positive),
        make_scaling(*negative),
        Output(zero_point(output_tensor), *limits(output_tensor)),
    )
    return make_binary_kernel(node, prelu, steps, parameters)
