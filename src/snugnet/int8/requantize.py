"""Fast and exact requantization of sums of products that are stored as floats.

The functions compute `multiply_by_quantized_multiplier`, which rounds twice. Then they add the zero
point and apply the limits. Let a be the sum, e = -shift >= 1 the right shift, and m = q 2^(-31-e)
the multiplier. Nested roundings to whole steps merge, so both roundings together are

    floor(a m + 1/2 + d) for a >= 0,    floor(a m + 1/2 - d) for a < 0,    d = 2^-(e+1).

For e = 0 there is only one rounding, and d = 0.

One step: the argument of `floor` is a multiple of 2^-(31+e). The code adds half of that unit, so
that a float64 error below this half cannot change the result. If the result is within 2^9 of 0, the
product and the two sums have a total error below 3 * 2^-45. Outside of this range, 8 bits saturate
anyway. The one-step method is therefore exact for e <= 11.

Two steps: for other multipliers the code rounds twice. Each step is exact if |a| < 2^22.

All other cases are computed in int64, by the definition.
"""

import math
from collections.abc import Callable
from typing import Any, SupportsInt

import numpy as np

from snugnet.int8.fixed_point import (
    INT32_MAX,
    apply_first_rounding,
    multiply_by_quantized_multiplier,
    wrap32,
)

# Largest right shift for which the one-step method is exact.
MAX_SHIFT = 11
# Sums below this bound are exact in the two-step method.
MAX_TWO_STEP_SUM = 1 << 22
# The constants of the channels are repeated to rows of about this many numbers.
ROW_LENGTH = 512

# Function from sums (rows, channels) to outputs of the same shape.
Requantize = Callable[[np.ndarray], np.ndarray]


def make_requantizer(
    q: np.ndarray,
    shift: np.ndarray,
    zero_point: int,
    limits: tuple[int, int],
    bound: int,
    dtype: str,
    offset: np.ndarray,
) -> Requantize:
    """Make the function that requantizes sums.

    Args:
        q: Multipliers of the channels, int64 (channels,).
        shift: Shifts of the multipliers, int64 (channels,).
        zero_point: Zero point of the output.
        limits: Lowest and highest output.
        bound: Upper bound of the magnitude of the sums, offset included.
        dtype: Type of the output.
        offset: Numbers that are added to the sums of the channels first, (channels,).

    Returns:
        A function of contiguous float32 or float64 sums (rows, channels) that returns outputs of
        the same shape.
    """
    is_8_bit = dtype in ("int8", "uint8") and bool((shift <= 0).all())
    # Otherwise the sum could wrap, or the scaled sum with the zero point added. The scaled sum is
    # never larger than the sum.
    has_no_overflow = bound + abs(zero_point) <= INT32_MAX
    if is_8_bit and has_no_overflow and bool((shift >= -MAX_SHIFT).all()):
        return _one_step(q, -shift, zero_point, limits, dtype, offset)
    if is_8_bit and bound < MAX_TWO_STEP_SUM:
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
    """List the arithmetic that scales one int32 sum, up to the limits of the output.

    Args:
        accumulator: The sum.
        q: The multiplier.
        shift: The shift of the multiplier.
        zero_point: Zero point of the output.
        limits: Lowest and highest output.

    Returns:
        Pairs of name and value.
    """
    accumulator, q, shift = int(wrap32(accumulator)), int(q), int(shift)
    return [
        ("accumulator", accumulator),
        ("multiplier", q),
        ("shift", shift),
        ("after the first rounding", int(apply_first_rounding(accumulator, q, shift))),
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
    """Make the function of the one-step method; `right` are right shifts, (channels,)."""
    multiplier = q * 2.0 ** (-31.0 - right)
    # d in the docstring of the module; it has the sign of the sum.
    signed_term = np.where(right > 0, 2.0 ** -(right + 1.0), 0.0)
    # Outputs are counted from the lower limit and clipped at 0. From 0 on, truncation is `floor`.
    constant_term = 0.5 + 2.0 ** -(32.0 + right) + (zero_point - limits[0])
    if limits[0] >= zero_point:  # negative sums saturate at the lower limit, with any sign of d
        constant_term = constant_term + signed_term
        signed_term = np.zeros_like(signed_term)
    has_signed_term = bool(signed_term.any())
    repeats = _max_repeats(len(q))
    multiplier = np.tile(multiplier, repeats)
    signed_term = np.tile(signed_term, repeats)
    constant_term = np.tile(constant_term, repeats)
    offset = np.tile(offset.astype(np.float64), repeats)

    def run(sums: np.ndarray) -> np.ndarray:
        long_rows = _merge_rows(sums)
        length = long_rows.shape[1]
        scaled = np.add(long_rows, offset[:length], dtype=np.float64)
        scaled *= multiplier[:length]
        if has_signed_term:
            scaled += np.copysign(signed_term[:length], scaled)
        scaled += constant_term[:length]
        return _saturate(scaled, limits, dtype).reshape(sums.shape)

    return run


def _two_steps(
    q: np.ndarray,
    right: np.ndarray,
    zero_point: int,
    limits: tuple[int, int],
    dtype: str,
    offset: np.ndarray,
) -> Requantize:
    """Make the function of the two-step method; `right` are right shifts, (channels,)."""
    first, second = q * 2.0**-31, 2.0**-right
    # Subtracted for negative numbers, so that their halves are rounded away from zero.
    correction = np.where(right > 0, second, 0.0)

    def run(sums: np.ndarray) -> np.ndarray:
        high = np.add(sums, offset, dtype=np.float64)
        high *= first
        high += 0.5
        np.floor(high, out=high)
        half = 0.5 - correction * (high < 0)
        high *= second
        high += half
        np.floor(high, out=high)
        high += zero_point - limits[0]
        return _saturate(high, limits, dtype)

    return run


def _merge_rows(sums: np.ndarray) -> np.ndarray:
    """View (rows, channels) as fewer, longer rows, because NumPy is slow on short rows."""
    rows, channels = sums.shape
    repeats = math.gcd(rows, _max_repeats(channels))
    return sums.reshape(rows // max(repeats, 1), channels * repeats)


def _max_repeats(channels: int) -> int:
    """Return how often the channels fit in a row of `ROW_LENGTH`, as a power of two."""
    return 1 << max(0, (ROW_LENGTH // max(channels, 1)).bit_length() - 1)


def _saturate(above_low: np.ndarray, limits: tuple[int, int], dtype: str) -> np.ndarray:
    """Saturate and truncate numbers that are counted from the lower limit.

    Args:
        above_low: Outputs less the lower limit, float64; overwritten.
        limits: Lowest and highest output.
        dtype: Type of the output: `int8` or `uint8`.
    """
    np.clip(above_low, 0.0, limits[1] - limits[0], out=above_low)
    steps = above_low.astype(np.uint8)
    steps += np.uint8(limits[0] % 256)  # modulo 256 gives the bit pattern of int8
    return steps.view(dtype)
