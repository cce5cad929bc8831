"""LOGISTIC: 1 / (1 + e^-x)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from snugnet.int8 import fixed_point
from snugnet.int8.elementwise import unary
from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from snugnet.int8.lookup import float_function, scaled_for_sigmoid, sigmoid_table
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point


def prepare(node: Node) -> Kernel:
    """Prepare a sigmoid.

    Real meaning: out = 1 / (1 + e^-in).

    int8, `litert_ref`: a table computed in float32; the output's scale must be 1/256. `tflm`: in
    fixed point with 4 integer bits, rounded to 8 bits; the output's zero point must be -128, and
    beyond 2^4 the input saturates.
    int16: interpolated in a table of 256 numbers, halves rounded up; zero points 0, the output's
    scale 2^-15.

    Kernels: `LUTPopulateInt8`, `reference_integer_ops::Logistic`.

    Args:
        node: Input: int8 or int16.
    """
    given, made = node.input(0), node.output
    node.require_alike("int8", "int16")
    if given.dtype == "int16":
        return _int16(node)
    if node.tflm:
        node.require(zero_point(made) == -128, "the output zero point must be -128")
        return fixed(node, fixed_point.logistic, 23, -128)
    node.require(scale(made) == np.float32(1 / 256), "the output scale must be 1/256")
    return float_function(node, _sigmoid)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # The exponential of the C library, to float32; NumPy's own float32 one differs in last bits.
    with np.errstate(over="ignore"):
        power = np.exp(-x.astype(np.float64)).astype(np.float32)
    return np.float32(1) / (np.float32(1) + power)


def fixed(
    node: Node, function: Callable[[np.ndarray, int], np.ndarray], right: int, added: int
) -> Kernel:
    """Make a kernel of int8 from a function in fixed point with 4 integer bits.

    Args:
        node: LOGISTIC or TANH.
        function: Of numbers with 4 integer bits, to numbers with none.
        right: How many bits its results are shifted right.
        added: What is added then.
    """
    given, made = node.input(0), node.output
    q, shift = quantize_multiplier(np.float64(scale(given)) * 2.0**27)
    node.require(0 <= shift <= 31, "the input scale is out of range")
    # Beyond, 4 integer bits are too few: `CalculateInputRadius`.
    radius = int(np.floor(15 * 2.0**27 / 2.0 ** float(shift)))

    def of(x: np.ndarray) -> np.ndarray:
        x = x - zero_point(given)
        inside = np.clip(x, -radius, radius)
        image = function(multiply_by_quantized_multiplier(inside, q, shift), 4)
        y = np.clip(rounding_divide_by_pot(image, right) + added, *limits(made))
        low, high = limits(made)
        return np.where(x <= -radius, low, np.where(x >= radius, high, y))

    def steps(x: int) -> list[tuple[str, Any]]:
        inside = int(np.clip(x - zero_point(given), -radius, radius))
        scaled = multiply_by_quantized_multiplier(np.array(inside), q, shift)
        return [
            ("input zero point", zero_point(given)),
            ("limit of the input", radius),
            ("multiplier", int(q)),
            ("shift", int(shift)),
            ("scaled", int(scaled)),
            ("function, in 2^-31", int(function(scaled, 4))),
            ("bits shifted right", right),
            ("output zero point", added),
            ("limits", list(limits(made))),
        ]

    return unary(node, of, steps)


def _int16(node: Node) -> Kernel:
    scaled, table = scaled_for_sigmoid(node, (0,)), sigmoid_table()

    def of(x: np.ndarray) -> np.ndarray:
        x = scaled(x)
        magnitude = np.abs(x)
        place = np.minimum(magnitude >> 9, 254)
        between = (table[place] << 9) + (magnitude & 511) * (table[place + 1] - table[place])
        image = np.where(magnitude >> 9 >= 255, 0x7FFF << 10, between)
        return np.where(x >= 0, image + 512, (1 << 25) - image + 511) >> 10

    return unary(node, of, lambda x: [("scaled to the table", int(scaled(x)))])
