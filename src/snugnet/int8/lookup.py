"""Lookup tables, filled and read as in TensorFlow Lite's kernels (`common.h`, `lut.h`)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from snugnet.core.affine import round_half_away
from snugnet.int8.elementwise import make_unary_kernel
from snugnet.int8.fixed_point import saturate
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.parameters import SigmoidInterpolation, SigmoidKind

# Indices at which the sigmoid table is one above the rounded value of 65536 / (1 + e^(-i / 24)).
# fmt: off
SIGMOID_CORRECTIONS = (
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40,
    41, 43, 44, 45, 46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
)
# fmt: on


def make_float_kernel(node: Node, function: Callable[[np.ndarray], np.ndarray]) -> Kernel:
    """Make the kernel of a function of real numbers: `LUTPopulateInt8`.

    The kernel dequantizes the input, computes the function, divides by the output scale, and
    rounds; all of it in float32.

    Args:
        node: Operator with one input and one output.
        function: Function of float32 arrays.

    Returns:
        The kernel.

    Raises:
        ModelFormatError: If the shapes of input and output differ.
    """
    input_tensor, output_tensor = node.input(0), node.output
    inverse = np.float32(1) / scale(output_tensor)

    def dequantize(x: np.ndarray) -> np.ndarray:
        return scale(input_tensor) * (x - zero_point(input_tensor)).astype(np.float32)

    def compute(x: np.ndarray) -> np.ndarray:
        steps = round_half_away(function(dequantize(x)).astype(np.float32) * inverse)
        return np.clip(
            (steps + np.float32(zero_point(output_tensor))).astype(np.int64), *limits(output_tensor)
        )

    def steps(x: int) -> list[tuple[str, Any]]:
        value = dequantize(np.array([x]))
        return [
            ("real input", float(value[0])),
            ("real output", float(function(value).astype(np.float32)[0])),
            ("1 / output scale", float(inverse)),
            ("output zero point", zero_point(output_tensor)),
            ("limits", list(limits(output_tensor))),
        ]

    return make_unary_kernel(node, compute, steps)


def build_sigmoid_table() -> np.ndarray:
    """Build the sigmoid table of `common.h`: 65536 / (1 + e^(-i / 24)) for i = 0 ... 255, int64."""
    table = np.floor(65536 / (1 + np.exp(-np.arange(256) / 24)) + 0.5).astype(np.int64)
    table[list(SIGMOID_CORRECTIONS)] += 1
    return table


def make_sigmoid_interpolation(
    node: Node, kind: SigmoidKind, pot_shifts: tuple[int, ...]
) -> SigmoidInterpolation:
    """Compute how int16 inputs are scaled to the arguments of the sigmoid table.

    Args:
        node: LOGISTIC or TANH operator of type int16.
        kind: The function.
        pot_shifts: If the input scale is a power of two: the shifts for which the kernels use no
            quantized multiplier.

    Raises:
        ModelFormatError: If a zero point is not 0, if the output scale is not 2^-15, or if the
            input scale is too large.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_no_zero_points(input_tensor, output_tensor)
    node.require(checked_log2(scale(output_tensor)) == -15, "the output scale must be 2^-15")
    power = checked_log2(scale(input_tensor))
    if power is not None and 12 + power in pot_shifts:
        multiplier, shift = 3 << (12 + power), 0
    else:
        real, shift = np.float64(scale(input_tensor)) * 4096 * 3, 0
        while real <= 32767 / 2 and shift <= 30:
            real, shift = real * 2, shift + 1
        node.require(real < 1 << 31, "the input scale is too large")
        multiplier = int(real)
    half = 1 << (shift - 1) if shift > 0 else 0
    node.require(multiplier * 32768 + half < 1 << 31, "the input scale is too large")
    return SigmoidInterpolation(kind, multiplier, half, shift, build_sigmoid_table())


def checked_log2(value: np.float32) -> int | None:
    """Compute the base-2 logarithm if it is within 0.001 of a whole number: `CheckedLog2`.

    Args:
        value: A scale.

    Returns:
        The whole number, or None if the value is not a power of two.
    """
    if value <= 0:
        return None
    log = np.log(value) * np.float32(np.float32(1.0) / np.log(np.float32(2.0)))
    rounded = round_half_away(log)
    return int(rounded) if abs(log - rounded) < np.float32(1e-3) else None


def build_interpolation_table(
    function: Callable[[np.ndarray], np.ndarray],
    input_quantization: tuple[float, int],
    output_quantization: tuple[float, int],
    float_type: Any,
) -> np.ndarray:
    """Build a table of 513 int16 numbers for linear interpolation: `LUTPopulate<…>`.

    Args:
        function: Function of arrays of `float_type`.
        input_quantization: Scale and zero point of the int16 arguments.
        output_quantization: Scale and zero point of the int16 results.
        float_type: `np.float32` or `np.float64`, the type of the whole computation.

    Returns:
        The table, int64 (513,).
    """

    def dequantize(value: int, quantization: tuple[float, int]) -> Any:
        scale, zero_point = quantization
        return float_type(scale) * float_type(value - zero_point)

    input_low, input_high = (dequantize(end, input_quantization) for end in (-32768, 32767))
    output_low, output_high = (dequantize(end, output_quantization) for end in (-32768, 32767))
    step = (input_high - input_low) / float_type(512)
    inverse = float_type(65536) / (output_high - output_low)
    indices = np.arange(512).astype(float_type)
    value = function(input_low + indices * step)
    middle = round_half_away(function(input_low + indices * step + step / float_type(2)) * inverse)
    following = function(input_low + (indices + float_type(1)) * step)
    sample = round_half_away(value * inverse)
    interpolated = round_half_away((following * inverse + sample) / float_type(2))
    # Each sample is corrected by half of the interpolation error in the middle of its interval.
    bias = round_half_away((interpolated - middle) / float_type(2))
    last = round_half_away(function(np.array([input_high])) * inverse)
    return saturate(np.concatenate([sample - bias, last]), 16).astype(np.int64)


def interpolate(table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Interpolate in a table of 513 numbers: `LUTLookup`.

    Args:
        table: Table of `build_interpolation_table`.
        x: int16 arguments, as int64.

    Returns:
        int16 results, as int64, of the shape of x.
    """
    position, offset = 256 + (x >> 7), x & 127
    base = table[position]
    return base + (((table[position + 1] - base) * offset + 64) >> 7)
