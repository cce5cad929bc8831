"""RELU: inputs below 0 become 0."""

from typing import Any

import numpy as np

from snugnet.int8.activation import quantize_limit
from snugnet.int8.elementwise import make_unary_kernel
from snugnet.int8.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier, wrap32
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.parameters import Output, Rescale, make_scaling
from snugnet.int8.requantize import explain_scaling


def prepare(node: Node) -> Kernel:
    """Prepare a rectifier.

    Real meaning: out = max(0, in).

    The input less its zero point is scaled and rounded twice; it cannot overflow. `litert_ref`
    computes the ratio of the scales in float32, `tflm` in float64.
    Saturation: at the zero point of the output and at the highest number of the type.

    Kernel: `reference_ops::ReluX`.

    Args:
        node: Input: int8 or int16 (zero points 0).
    """
    return make_relu_kernel(node, 0.0, None)


def make_relu_kernel(node: Node, low: float, high: float | None) -> Kernel:
    """Make the kernel of a rectifier that scales its input.

    Args:
        node: RELU, RELU6 or RELU_N1_TO_1 operator.
        low: Lower limit, as a real number.
        high: Upper limit, as a real number, or None.

    Returns:
        The kernel.

    Raises:
        ModelFormatError: If the kernels do not support a type, scale or zero point.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_same_type("int8", "int16")
    node.require_no_zero_points(input_tensor, output_tensor)
    q, shift = quantize_multiplier(node.scale_ratio(scale(input_tensor)))
    low_limit, high_limit = limits(output_tensor)
    low_limit = max(low_limit, quantize_limit(node, low))
    high_limit = high_limit if high is None else min(high_limit, quantize_limit(node, high))

    def relu(x: np.ndarray) -> np.ndarray:
        scaled = multiply_by_quantized_multiplier(x - zero_point(input_tensor), q, shift)
        # The kernel applies the lower limit first. The order matters if it exceeds the upper limit.
        return np.minimum(
            np.maximum(wrap32(scaled + zero_point(output_tensor)), low_limit), high_limit
        )

    def steps(x: int) -> list[tuple[str, Any]]:
        centred = x - zero_point(input_tensor)
        output_limits = (low_limit, high_limit)
        lines = explain_scaling(centred, q, shift, zero_point(output_tensor), output_limits)
        return [("input zero point", zero_point(input_tensor)), *lines]

    output = Output(zero_point(output_tensor), low_limit, high_limit)
    parameters = Rescale(zero_point(input_tensor), make_scaling(q, shift), output)
    return make_unary_kernel(node, relu, steps, parameters)
