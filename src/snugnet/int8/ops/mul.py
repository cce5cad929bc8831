"""MUL: the product of two tensors."""

from typing import Any

import numpy as np

from snugnet.int8.activation import activation_limits
from snugnet.int8.elementwise import make_binary_kernel
from snugnet.int8.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier, wrap32
from snugnet.int8.node import Kernel, Node, scale, zero_point
from snugnet.int8.parameters import Output, Product, make_scaling
from snugnet.int8.requantize import explain_scaling


def prepare(node: Node) -> Kernel:
    """Prepare a product.

    Real meaning: out = a * b, broadcast; then the fused activation.

    Both inputs, less their zero points, are multiplied in int32. The product is rounded twice, for
    int16 too. `litert_ref` computes the multiplier in float32, `tflm` in float64.
    Saturation: at the limits of the type and of the activation. int32 products wrap.

    Kernels: `reference_integer_ops::Mul`, `BroadcastMul6DSlow`.

    Args:
        node: Inputs: a and b, both int8 or both int16.
    """
    a, b, output_tensor = node.input(0), node.input(1), node.output
    node.require_types(a, "int8", "int16")
    node.require_types(b, a.dtype)
    node.require_types(output_tensor, a.dtype)
    node.require_quantized(a, b, output_tensor)
    node.require_no_zero_points(a, b, output_tensor)
    q, shift = quantize_multiplier(node.scale_ratio(scale(a), scale(b)))
    points = [zero_point(tensor) for tensor in (a, b, output_tensor)]
    output_limits = activation_limits(node)

    def product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        raw = wrap32((x - points[0]) * (y - points[1]))
        scaled = multiply_by_quantized_multiplier(raw, q, shift)
        return np.clip(wrap32(scaled + points[2]), *output_limits)

    def steps(x: int, y: int) -> list[tuple[str, Any]]:
        raw = (x - points[0]) * (y - points[1])
        lines = explain_scaling(raw, q, shift, points[2], output_limits)
        return [("input zero points", points[:2]), *lines]

    parameters = Product(
        (points[0], points[1]), make_scaling(q, shift), Output(points[2], *output_limits)
    )
    return make_binary_kernel(node, product, steps, parameters)
