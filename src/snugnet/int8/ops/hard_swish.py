"""HARD_SWISH: x * relu6(x + 3) / 6."""

from typing import Any

import numpy as np

from snugnet.int8.elementwise import unary
from snugnet.int8.fixed_point import (
    quantize_multiplier,
    quotient,
    rounding_divide_by_pot,
    rounding_high_mul,
    saturating_left_shift,
)
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point


def prepare(node: Node) -> Kernel:
    """Prepare a hard swish.

    Real meaning: out = in * min(6, max(0, in + 3)) / 6.

    In int16: the input, with 7 bits more, is scaled to the output and, apart, to a sixth of 3 in
    16 bits, which saturates and becomes the factor between 0 and 1; their product is cut, then
    divided by a power of two and rounded.
    Multipliers are computed in float32 by `litert_ref`, in float64 by `tflm`.
    Saturation: of the factor, and at the limits of the type.

    Kernel: `reference_ops::HardSwish`.

    Args:
        node: Input: int8.
    """
    given, made = node.input(0), node.output
    node.require_alike("int8")
    kind = np.float64 if node.tflm else np.float32
    out, out_shift = _int16(node.ratio(1 / 128, scale(given)))
    fine = kind(1 / 128) * kind(scale(given))
    factor, factor_shift = _int16(np.float64(fine / (kind(3) / kind(32768))))
    node.require(out_shift <= 0, "the output scale is too small")

    def swish(x: np.ndarray) -> np.ndarray:
        high = (x - zero_point(given)) * 128
        scaled = rounding_high_mul(high, out, 16)
        share = _share(high, factor, factor_shift)
        product = quotient(share * scaled, 1 << 15)
        rounded = rounding_divide_by_pot(product, -out_shift) + zero_point(made)
        return np.clip(rounded.astype(np.int16), *limits(made))

    def steps(x: int) -> list[tuple[str, Any]]:
        high = np.array((x - zero_point(given)) * 128)
        return [
            ("input zero point", zero_point(given)),
            ("input less it, 7 bits more", int(high)),
            ("multiplier", out),
            ("shift", out_shift),
            ("scaled", int(rounding_high_mul(high, out, 16))),
            ("multiplier of the factor", factor),
            ("shift of the factor", factor_shift),
            ("factor of 32768", int(_share(high, factor, factor_shift))),
            ("output zero point", zero_point(made)),
            ("limits", list(limits(made))),
        ]

    return unary(node, swish, steps)


def _int16(real: np.float64) -> tuple[int, int]:
    """Write a multiplier with 16 bits: `DownScaleInt32ToInt16Multiplier`."""
    q, shift = quantize_multiplier(real)
    return min((int(q) + (1 << 15)) >> 16, 32767), int(shift)


def _share(x: np.ndarray, q: int, shift: int) -> np.ndarray:
    """Give relu6(x + 3) / 6 as 0 to 32767."""
    if shift > 0:
        x = saturating_left_shift(x, shift - 1, 16)
    x = rounding_high_mul(x, q, 16)
    if shift > 0:
        x = saturating_left_shift(x, 1, 16)
    elif shift < 0:
        x = rounding_divide_by_pot(x, -shift)
    return (x + 32768) >> 1
