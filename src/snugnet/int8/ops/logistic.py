"""LOGISTIC: 1 / (1 + e^-x)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from snugnet.int8 import fixed_point
from snugnet.int8.elementwise import make_unary_kernel
from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from snugnet.int8.lookup import make_float_kernel, make_sigmoid_interpolation
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.parameters import SigmoidKind


def prepare(node: Node) -> Kernel:
    """Prepare a sigmoid.

    Real meaning: out = 1 / (1 + e^-in).

    int8, `litert_ref`: a table computed in float32; the output scale must be 1/256.
    int8, `tflm`: fixed point with 4 integer bits, rounded to 8 bits; the output zero point must be
    -128. The input saturates beyond 2^4.
    int16: interpolation in a table of 256 numbers, halves rounded up; zero points must be 0, and
    the output scale must be 2^-15.

    Kernels: `LUTPopulateInt8`, `reference_integer_ops::Logistic`.

    Args:
        node: Input: int8 or int16.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_same_type("int8", "int16")
    if input_tensor.dtype == "int16":
        return _make_int16_kernel(node)
    if node.is_tflm:
        node.require(zero_point(output_tensor) == -128, "the output zero point must be -128")
        return make_fixed_point_kernel(node, fixed_point.logistic, 23, -128)
    node.require(scale(output_tensor) == np.float32(1 / 256), "the output scale must be 1/256")
    return make_float_kernel(node, _sigmoid)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # The float64 exponential, rounded to float32, equals the one of the C library. NumPy's float32
    # exponential differs from it in the last bits.
    with np.errstate(over="ignore"):
        power = np.exp(-x.astype(np.float64)).astype(np.float32)
    return np.float32(1) / (np.float32(1) + power)


def make_fixed_point_kernel(
    node: Node,
    function: Callable[[np.ndarray, int], np.ndarray],
    right_shift: int,
    output_zero_point: int,
) -> Kernel:
    """Make the int8 kernel of a fixed-point function.

    Args:
        node: LOGISTIC or TANH operator.
        function: Function of fixed-point numbers and their number of integer bits, which is 4. It
            returns fixed-point numbers with 0 integer bits.
        right_shift: Right shift of the results of the function, in bits.
        output_zero_point: Number that is added to the shifted results.

    Returns:
        The kernel.

    Raises:
        ModelFormatError: If the input scale is out of range.
    """
    input_tensor, output_tensor = node.input(0), node.output
    q, shift = quantize_multiplier(np.float64(scale(input_tensor)) * 2.0**27)
    node.require(0 <= shift <= 31, "the input scale is out of range")
    # Inputs beyond the radius do not fit 4 integer bits: `CalculateInputRadius`.
    radius = int(np.floor(15 * 2.0**27 / 2.0 ** float(shift)))

    def compute(x: np.ndarray) -> np.ndarray:
        x = x - zero_point(input_tensor)
        inside = np.clip(x, -radius, radius)
        result = function(multiply_by_quantized_multiplier(inside, q, shift), 4)
        low, high = limits(output_tensor)
        y = rounding_divide_by_pot(result, right_shift) + output_zero_point
        y = np.clip(y, low, high)
        return np.where(x <= -radius, low, np.where(x >= radius, high, y))

    def steps(x: int) -> list[tuple[str, Any]]:
        inside = int(np.clip(x - zero_point(input_tensor), -radius, radius))
        scaled = multiply_by_quantized_multiplier(np.array(inside), q, shift)
        return [
            ("input zero point", zero_point(input_tensor)),
            ("limit of the input", radius),
            ("multiplier", int(q)),
            ("shift", int(shift)),
            ("scaled", int(scaled)),
            ("function, in 2^-31", int(function(scaled, 4))),
            ("bits shifted right", right_shift),
            ("output zero point", output_zero_point),
            ("limits", list(limits(output_tensor))),
        ]

    return make_unary_kernel(node, compute, steps)


def _make_int16_kernel(node: Node) -> Kernel:
    parameters = make_sigmoid_interpolation(node, SigmoidKind.LOGISTIC, (0,))
    table = parameters.table

    def scale_input(x: Any) -> Any:
        return (x * parameters.multiplier + parameters.half) >> parameters.shift

    def compute(x: np.ndarray) -> np.ndarray:
        x = scale_input(x)
        magnitude = np.abs(x)
        index, offset = np.minimum(magnitude >> 9, 254), magnitude & 511
        interpolated = (table[index] << 9) + offset * (table[index + 1] - table[index])
        result = np.where(magnitude >> 9 >= 255, 0x7FFF << 10, interpolated)
        return np.where(x >= 0, result + 512, (1 << 25) - result + 511) >> 10

    return make_unary_kernel(
        node, compute, lambda x: [("scaled to the table", int(scale_input(x)))], parameters
    )
