"""Tables of functions, filled and read as TensorFlow Lite's kernels do it (`common.h`, `lut.h`)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from snugnet.core.affine import round_half_away
from snugnet.int8.elementwise import unary
from snugnet.int8.fixed_point import saturate
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point

# Indices at which the sigmoid table is one above the rounded 65536 / (1 + e^(-i / 24)).
ONE_ABOVE = (
    *(4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40),
    *(41, 43, 44, 45, 46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255),
)


def float_function(node: Node, function: Callable[[np.ndarray], np.ndarray]) -> Kernel:
    """Make a function of integers from one of float32 numbers: `LUTPopulateInt8`.

    The number is dequantized, and its image divided by the output's scale and rounded, in float32.

    Args:
        node: With one input and one output.
        function: Of float32 arrays.

    Returns:
        The kernel.
    """
    given, made = node.input(0), node.output
    inverse = np.float32(1) / scale(made)

    def real(x: np.ndarray) -> np.ndarray:
        return scale(given) * (x - zero_point(given)).astype(np.float32)

    def of(x: np.ndarray) -> np.ndarray:
        steps = round_half_away(function(real(x)).astype(np.float32) * inverse)
        return np.clip((steps + np.float32(zero_point(made))).astype(np.int64), *limits(made))

    def steps(x: int) -> list[tuple[str, Any]]:
        value = real(np.array([x]))
        return [
            ("real input", float(value[0])),
            ("real output", float(function(value).astype(np.float32)[0])),
            ("1 / output scale", float(inverse)),
            ("output zero point", zero_point(made)),
            ("limits", list(limits(made))),
        ]

    return unary(node, of, steps)


def sigmoid_table() -> np.ndarray:
    """Give 65536 / (1 + e^(-i / 24)) for i = 0 ... 255, int64, as it stands in `common.h`."""
    table = np.floor(65536 / (1 + np.exp(-np.arange(256) / 24)) + 0.5).astype(np.int64)
    table[list(ONE_ABOVE)] += 1
    return table


def scaled_for_sigmoid(node: Node, pot_shifts: tuple[int, ...]) -> Callable[[np.ndarray], Any]:
    """Make the function that brings int16 inputs to the scale of the sigmoid table.

    Args:
        node: LOGISTIC or TANH of int16.
        pot_shifts: For which shifts of scales that are powers of two no multiplier is used.

    Raises:
        ModelFormatError: If a zero point is not 0, or the output's scale not 2^-15.
    """
    given, made = node.input(0), node.output
    node.require_no_zero_points(given, made)
    node.require(exponent(scale(made)) == -15, "the output scale must be 2^-15")
    power = exponent(scale(given))
    if power is not None and 12 + power in pot_shifts:
        multiplier, shift = 3 << (12 + power), 0
    else:
        real, shift = np.float64(scale(given)) * 4096 * 3, 0
        while real <= 32767 / 2 and shift <= 30:
            real, shift = real * 2, shift + 1
        node.require(real < 1 << 31, "the input scale is too large")
        multiplier = int(real)
    half = 1 << (shift - 1) if shift > 0 else 0
    node.require(multiplier * 32768 + half < 1 << 31, "the input scale is too large")
    return lambda x: (x * multiplier + half) >> shift


def exponent(value: np.float32) -> int | None:
    """Give the logarithm to base 2 if it is a whole number to a thousandth: `CheckedLog2`."""
    if value <= 0:
        return None
    log = np.log(value) * np.float32(np.float32(1.0) / np.log(np.float32(2.0)))
    whole = round_half_away(log)
    return int(whole) if abs(log - whole) < np.float32(1e-3) else None


def interpolated_table(
    function: Callable[[np.ndarray], np.ndarray],
    given: tuple[float, int],
    made: tuple[float, int],
    kind: Any,
) -> np.ndarray:
    """Fill a table of 513 int16 numbers between which is interpolated: `LUTPopulate<…>`.

    Args:
        function: Of arrays of `kind`.
        given: Scale and zero point of the int16 arguments.
        made: Scale and zero point of the int16 results.
        kind: `np.float32` or `np.float64`, in which all is computed.
    """
    low, high = (kind(given[0]) * kind(end - given[1]) for end in (-32768, 32767))
    least, most = (kind(made[0]) * kind(end - made[1]) for end in (-32768, 32767))
    step = (high - low) / kind(512)
    inverse = kind(65536) / (most - least)
    places = np.arange(512).astype(kind)
    value = function(low + places * step)
    middle = round_half_away(function(low + places * step + step / kind(2)) * inverse)
    following = function(low + (places + kind(1)) * step)
    sample = round_half_away(value * inverse)
    between = round_half_away((following * inverse + sample) / kind(2))
    bias = round_half_away((between - middle) / kind(2))
    last = round_half_away(function(np.array([high])) * inverse)
    return saturate(np.concatenate([sample - bias, last]), 16).astype(np.int64)


def interpolate(table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Read a table of 513 numbers at int16 arguments: `LUTLookup`."""
    place, offset = 256 + (x >> 7), x & 127
    base = table[place]
    return base + (((table[place + 1] - base) * offset + 64) >> 7)
