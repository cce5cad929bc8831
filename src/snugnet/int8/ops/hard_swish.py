"""HARD_SWISH: x * relu6(x + 3) / 6."""

from typing import Any

import numpy as np

from snugnet.int8.elementwise import make_unary_kernel
from snugnet.int8.fixed_point import (
    quantize_multiplier,
    rounding_divide_by_pot,
    rounding_high_mul,
    saturating_left_shift,
    truncating_divide,
)
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point


def prepare(node: Node) -> Kernel:
    """Prepare a hard swish.

    Real meaning: out = in * min(6, max(0, in + 3)) / 6.

    The kernel computes in int16. The input, shifted left by 7 bits, is scaled to the output. It is
    also scaled so that the real number 3 becomes 32768; this value saturates, and gives the factor
    relu6(in + 3) / 6 between 0 and 1. The product of both, divided by 2^15, is truncated, then
    divided by a power of two and rounded.
    `litert_ref` computes multipliers in float32, `tflm` in float64.
    Saturation: of the factor, and at the limits of the type.

    Kernel: `reference_ops::HardSwish`.

    Args:
        node: Input: int8.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_same_type("int8")
    float_type = np.float64 if node.is_tflm else np.float32
    output_multiplier, output_shift = _quantize_multiplier_16(
        node.scale_ratio(1 / 128, scale(input_tensor))
    )
    shifted_input_scale = float_type(1 / 128) * float_type(scale(input_tensor))
    factor_multiplier, factor_shift = _quantize_multiplier_16(
        np.float64(shifted_input_scale / (float_type(3) / float_type(32768)))
    )
    node.require(output_shift <= 0, "the output scale is too small")

    def hard_swish(x: np.ndarray) -> np.ndarray:
        high = (x - zero_point(input_tensor)) * 128
        scaled = rounding_high_mul(high, output_multiplier, 16)
        factor = _compute_factor(high, factor_multiplier, factor_shift)
        product = truncating_divide(factor * scaled, 1 << 15)
        rounded = rounding_divide_by_pot(product, -output_shift) + zero_point(output_tensor)
        return np.clip(rounded.astype(np.int16), *limits(output_tensor))

    def steps(x: int) -> list[tuple[str, Any]]:
        high = np.array((x - zero_point(input_tensor)) * 128)
        return [
            ("input zero point", zero_point(input_tensor)),
            ("input less zero point, shifted left by 7 bits", int(high)),
            ("multiplier", output_multiplier),
            ("shift", output_shift),
            ("scaled", int(rounding_high_mul(high, output_multiplier, 16))),
            ("multiplier of the factor", factor_multiplier),
            ("shift of the factor", factor_shift),
            ("factor of 32768", int(_compute_factor(high, factor_multiplier, factor_shift))),
            ("output zero point", zero_point(output_tensor)),
            ("limits", list(limits(output_tensor))),
        ]

    return make_unary_kernel(node, hard_swish, steps)


def _quantize_multiplier_16(real: np.float64) -> tuple[int, int]:
    """Convert a multiplier to 16 bits: `DownScaleInt32ToInt16Multiplier`.

    Args:
        real: Real multiplier.

    Returns:
        The int16 multiplier, and its shift.
    """
    q, shift = quantize_multiplier(real)
    return min((int(q) + (1 << 15)) >> 16, 32767), int(shift)


def _compute_factor(x: np.ndarray, q: int, shift: int) -> np.ndarray:
    """Compute relu6(x + 3) / 6 as an integer from 0 to 32767.

    Args:
        x: Input less its zero point, shifted left by 7 bits.
        q: int16 multiplier.
        shift: Shift of the multiplier.
    """
    if shift > 0:
        x = saturating_left_shift(x, shift - 1, 16)
    x = rounding_high_mul(x, q, 16)
    if shift > 0:
        x = saturating_left_shift(x, 1, 16)
    elif shift < 0:
        x = rounding_divide_by_pot(x, -shift)
    return (x + 32768) >> 1
