"""Sums of products, held exactly in floats, brought to the scale of the output: few passes, exact.

What is computed is `multiply_by_quantized_multiplier`, which rounds twice, then the zero point and
the limits. With a the sum, m = q 2^(-31-e) the multiplier and e = -shift >= 1 its right shift, both
roundings together are (nested roundings by whole steps merge)

    floor(a m + 1/2 + d) for a >= 0,    floor(a m + 1/2 - d) for a < 0,    d = 2^-(e+1);

for e = 0 there is one rounding, and d = 0. What stands in `floor` is a multiple of 2^-(31+e); half
of that is added, so that an error of float64 smaller than this half cannot change the result. Where
the outcome lies within 2^9 of 0 (outside, 8 bits saturate anyway) the product and two sums err by
less than 3 * 2^-45 altogether, so this holds for e <= 11. Other multipliers take two steps, each
exact while |a| < 2^22, and what remains is computed in int64 as the definition says.
"""

import math
from collections.abc import Callable
from typing import Any, SupportsInt

import numpy as np

from snugnet.int8.fixed_point import first_rounding, multiply_by_quantized_multiplier, wrap32

# Up to which right shift, and which sum, the fast ways are exact.
MOST_SHIFT, MOST_TWO_STEP, MOST_INT32 = 11, 1 << 22, (1 << 31) - 1
# Constants of the channels are repeated to rows of about this many numbers.
ROW = 512

Requantize = Callable[[np.ndarray], np.ndarray]


def requantizer(
    q: np.ndarray,
    shift: np.ndarray,
    zero_point: int,
    limits: tuple[int, int],
    bound: int,
    dtype: str,
    offset: np.ndarray,
) -> Requantize:
    """Make a function from sums to outputs.

    Args:
        q: Multipliers of the channels, int64 (channels,).
        shift: Their shifts.
        zero_point: Of the output.
        limits: Lowest and highest output.
        bound: No sum is larger, offset included, whatever its sign.
        dtype: Of the output.
        offset: What is added to the sums of the channels first.

    Returns:
        A function of contiguous float32 or float64 sums (rows, channels); it gives outputs of
        the same shape.
    """
    small = dtype in ("int8", "uint8") and bool((shift <= 0).all())
    # Else the sum could wrap, or the scaled one when the zero point is added: it is below the sum.
    fits = bound + abs(zero_point) <= MOST_INT32
    if small and fits and bool((shift >= -MOST_SHIFT).all()):
        return _one_step(q, -shift, zero_point, limits, dtype, offset)
    if small and bound < MOST_TWO_STEP:
        return _two_steps(q, -shift, zero_point, limits, dtype, offset)

    def run(sums: np.ndarray) -> np.ndarray:
        scaled = multiply_by_quantized_multiplier(
            wrap32(sums.astype(np.float64) + offset), q, shift
        )
        return np.clip(wrap32(scaled + zero_point), *limits).astype(dtype)

    return run


def explain_scaling(
    accumulator: int, q: SupportsInt, shift: SupportsInt, zero_point: int, limits: tuple[int, int]
) -> list[tuple[str, Any]]:
    """Tell how one int32 number is brought to the scale of the output, but for the last step."""
    accumulator, q, shift = int(wrap32(accumulator)), int(q), int(shift)
    return [
        ("accumulator", accumulator),
        ("multiplier", q),
        ("shift", shift),
        ("after the first rounding", int(first_rounding(accumulator, q, shift))),
        ("scaled", int(multiply_by_quantized_multiplier(accumulator, q, shift))),
        ("output zero point", zero_point),
        ("limits", list(limits)),
    ]


def _one_step(
    q: np.ndarray,
    right: np.ndarray,
    zero_point: int,
    limits: tuple[int, int],
    dtype: str,
    offset: np.ndarray,
) -> Requantize:
    m = q * 2.0 ** (-31.0 - right)
    apart = np.where(right > 0, 2.0 ** -(right + 1.0), 0.0)
    # Outputs begin at 0, where cutting the fraction off is `floor`.
    rest = 0.5 + 2.0 ** -(32.0 + right) + (zero_point - limits[0])
    if limits[0] >= zero_point:  # what is negative ends at the lower limit either way
        rest, apart = rest + apart, np.zeros_like(apart)
    signed = bool(apart.any())
    rows = (m, apart, rest, offset.astype(np.float64))
    m, apart, rest, offset = (np.tile(row, _most_repeats(len(q))) for row in rows)

    def run(sums: np.ndarray) -> np.ndarray:
        wide = _widened(sums)
        length = wide.shape[1]
        scaled = np.add(wide, offset[:length], dtype=np.float64)
        scaled *= m[:length]
        if signed:
            scaled += np.copysign(apart[:length], scaled)
        scaled += rest[:length]
        return _limited(scaled, limits, dtype).reshape(sums.shape)

    return run


def _two_steps(
    q: np.ndarray,
    right: np.ndarray,
    zero_point: int,
    limits: tuple[int, int],
    dtype: str,
    offset: np.ndarray,
) -> Requantize:
    first, second = q * 2.0**-31, 2.0**-right
    back = np.where(right > 0, second, 0.0)  # halves of negative numbers go away from zero

    def run(sums: np.ndarray) -> np.ndarray:
        high = np.add(sums, offset, dtype=np.float64)
        high *= first
        high += 0.5
        np.floor(high, out=high)
        half = 0.5 - back * (high < 0)
        high *= second
        high += half
        np.floor(high, out=high)
        high += zero_point - limits[0]
        return _limited(high, limits, dtype)

    return run


def _widened(sums: np.ndarray) -> np.ndarray:
    """View (rows, channels) as fewer, longer rows: short ones cost NumPy more than their sums."""
    rows, channels = sums.shape
    repeats = math.gcd(rows, _most_repeats(channels))
    return sums.reshape(rows // max(repeats, 1), channels * repeats)


def _most_repeats(channels: int) -> int:
    return 1 << max(0, (ROW // max(channels, 1)).bit_length() - 1)


def _limited(above_low: np.ndarray, limits: tuple[int, int], dtype: str) -> np.ndarray:
    """Limit and cut what is counted from the lower limit, and count from 0 again."""
    np.clip(above_low, 0.0, limits[1] - limits[0], out=above_low)
    steps = above_low.astype(np.uint8)
    steps += np.uint8(limits[0] % 256)  # modulo 256, as the bits of int8 are
    return steps.view(dtype)
