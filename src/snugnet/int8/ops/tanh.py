"""TANH: the hyperbolic tangent."""

from typing import Any

import numpy as np

from snugnet.int8 import fixed_point
from snugnet.int8.elementwise import make_unary_kernel
from snugnet.int8.lookup import make_float_kernel, make_sigmoid_interpolation
from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.logistic import make_fixed_point_kernel
from snugnet.int8.parameters import SigmoidKind


def prepare(node: Node) -> Kernel:
    """Prepare a hyperbolic tangent.

    Real meaning: out = tanh(in).

    int8, `litert_ref`: a table computed in float32.
    int8, `tflm`: fixed point with 4 integer bits, rounded to 8 bits. The kernel assumes an output
    scale of 1/128 and an output zero point of 0.
    int16: interpolation in the sigmoid table at twice the input, halves rounded up; zero points
    must be 0, and the output scale must be 2^-15.

    Kernels: `LUTPopulateInt8`, `reference_integer_ops::Tanh`.

    Args:
        node: Input: int8 or int16.
    """
    node.require_same_type("int8", "int16")
    if node.output.dtype == "int16":
        return _make_int16_kernel(node)
    if node.is_tflm:
        return make_fixed_point_kernel(node, fixed_point.tanh, 24, 0)
    return make_float_kernel(node, lambda x: np.tanh(x.astype(np.float64)))


def _make_int16_kernel(node: Node) -> Kernel:
    parameters = make_sigmoid_interpolation(node, SigmoidKind.TANH, (0, 1))
    table = parameters.table

    def scale_input(x: Any) -> Any:
        return (x * parameters.multiplier + parameters.half) >> parameters.shift

    def compute(x: np.ndarray) -> np.ndarray:
        x = scale_input(x)
        magnitude = np.abs(x)
        index, offset = np.minimum(magnitude >> 8, 254), magnitude & 255
        interpolated = (table[index] << 8) + offset * (table[index + 1] - table[index])
        result = np.where(magnitude >> 8 >= 255, 0xFFFF << 8, interpolated)
        positive = result - (1 << 23) + (1 << 7)
        negative = -result + (1 << 23) + (1 << 7) - 1
        return np.where(x >= 0, positive, negative) >> 8

    return make_unary_kernel(
        node, compute, lambda x: [("scaled to the table", int(scale_input(x)))], parameters
    )
