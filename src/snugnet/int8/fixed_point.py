"""Fixed-point arithmetic of TensorFlow Lite's reference kernels on arrays, bit-exact.

All functions take and return int64 arrays, and broadcast. The values must fit the type that the
kernels use, which is int32 if the docstring does not name another type.

The formulas come from gemmlowp's `fixedpoint/fixedpoint.h` and from TensorFlow Lite's
`kernels/internal/common.h` and `quantization_util.cc`. They reproduce the build with double
rounding. The packages of LiteRT and of TensorFlow Lite Micro are both such builds.

A fixed-point number with n integer bits is an int32 number that is divided by 2^(31 - n).
"""

import numpy as np
from numpy.typing import ArrayLike

from snugnet.core.affine import round_half_away

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def wrap32(x: ArrayLike) -> np.ndarray:
    """Keep the low 32 bits, as int32 arithmetic does when it overflows."""
    return np.asarray(x, np.int64).astype(np.int32).astype(np.int64)


def saturate(x: np.ndarray, bits: int) -> np.ndarray:
    """Saturate to the range of signed integers with a number of bits."""
    return np.clip(x, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def truncating_divide(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Divide integers as C does: the quotient is truncated towards zero."""
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


def quantize_multiplier(real: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Convert real multipliers to q * 2^(shift - 31), 2^30 <= |q| < 2^31: `QuantizeMultiplier`.

    Args:
        real: Real multipliers, float64.

    Returns:
        q and shift; both are 0 where the multiplier is 0 or below 2^-32.
    """
    fraction, shift = np.frexp(np.asarray(real, np.float64))
    q = round_half_away(fraction * 2.0**31).astype(np.int64)
    shift = shift.astype(np.int64)
    has_overflow = q == 1 << 31
    q, shift = np.where(has_overflow, q >> 1, q), np.where(has_overflow, shift + 1, shift)
    is_tiny = shift < -31
    return np.where(is_tiny, 0, q), np.where(is_tiny, 0, shift)


def rounding_high_mul(a: ArrayLike, b: ArrayLike, bits: int = 32) -> np.ndarray:
    """Compute a * b / 2^(bits - 1), rounded half up: `SaturatingRoundingDoublingHighMul`.

    Only the square of the lowest number overflows. The result is then the highest number.

    Args:
        a: Integers with a number of bits.
        b: Integers with the same number of bits.
        bits: Number of bits, 32 or 16.
    """
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    product = (a * b + (1 << (bits - 2))) >> (bits - 1)
    return np.minimum(product, (1 << (bits - 1)) - 1)


def rounding_divide_by_pot(x: ArrayLike, exponent: ArrayLike) -> np.ndarray:
    """Compute x / 2^exponent, rounded half away from zero: `RoundingDivideByPOT`."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def multiply_by_quantized_multiplier(x: ArrayLike, q: ArrayLike, shift: ArrayLike) -> np.ndarray:
    """Compute x * q * 2^(shift - 31), rounded twice: `MultiplyByQuantizedMultiplier(int32_t, …)`.

    A shift above 0 is applied first, and wraps. `rounding_high_mul` rounds first,
    `rounding_divide_by_pot` rounds second.
    """
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    shifted = wrap32(np.asarray(x, np.int64) << left)
    return rounding_divide_by_pot(rounding_high_mul(shifted, q), right)


def apply_first_rounding(x: int, q: int, shift: int) -> int:
    """Compute the result of the first rounding in `multiply_by_quantized_multiplier`."""
    return int(rounding_high_mul(wrap32(x << max(shift, 0)), q))


def multiply_by_quantized_multiplier_64(x: ArrayLike, q: ArrayLike, shift: ArrayLike) -> np.ndarray:
    """Compute x * q * 2^(shift - 31) for an int64 x: `MultiplyByQuantizedMultiplier(int64_t, …)`.

    The multiplier is first rounded to 16 bits. The product is rounded once, half up, and keeps its
    low 32 bits.
    """
    q, shift = np.asarray(q, np.int64), np.asarray(shift, np.int64)
    reduced = np.where(q < 0x7FFF0000, (q + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - shift
    return wrap32((np.asarray(x, np.int64) * reduced + (np.int64(1) << (total - 1))) >> total)


def saturating_left_shift(x: ArrayLike, exponent: int, bits: int = 32) -> np.ndarray:
    """Compute x * 2^exponent, saturated to the range of signed integers with a number of bits."""
    return saturate(np.asarray(x, np.int64) << exponent, bits)


def count_leading_zeros(x: ArrayLike) -> np.ndarray:
    """Count the leading zeros of positive int32 numbers."""
    return 32 - np.frexp(np.asarray(x, np.float64))[1].astype(np.int64)


def exp_on_negative_values(a: ArrayLike, integer_bits: int) -> np.ndarray:
    """Compute e^a.

    Args:
        a: Fixed-point numbers <= 0.
        integer_bits: Number of integer bits of a.

    Returns:
        Fixed-point numbers with 0 integer bits.
    """
    a = np.asarray(a, np.int64)
    fractional = 31 - integer_bits
    quarter = 1 << (fractional - 2)
    modulo = (a & (quarter - 1)) - quarter
    result = _exp_between_minus_a_quarter_and_0(saturating_left_shift(modulo, integer_bits))
    remainder = modulo - a
    # Each multiplier is e^-(2^exponent). It applies to numbers with this bit in the remainder.
    for exponent, multiplier in (
        (-2, 1672461947),
        (-1, 1302514674),
        (0, 790015084),
        (1, 290630308),
        (2, 39332535),
        (3, 720401),
        (4, 242),
    ):
        if integer_bits > exponent:
            has_bit = (remainder & (1 << (fractional + exponent))) != 0
            result = np.where(has_bit, rounding_high_mul(result, multiplier), result)
    if integer_bits > 5:
        result = np.where(a < -(1 << (36 - integer_bits)), 0, result)
    return np.where(a == 0, INT32_MAX, result)


def _exp_between_minus_a_quarter_and_0(a: np.ndarray) -> np.ndarray:
    """Compute e^a for -1/4 <= a < 0: Taylor series at -1/8, up to the fourth power."""
    x = a + (1 << 28)
    x2 = rounding_high_mul(x, x)
    x3 = rounding_high_mul(x2, x)
    x4 = rounding_high_mul(x2, x2)
    higher = rounding_divide_by_pot(x4, 2) + x3
    powers = rounding_divide_by_pot(rounding_high_mul(higher, 715827883) + x2, 1)
    return 1895147668 + rounding_high_mul(1895147668, x + powers)


def one_over_one_plus_x(a: ArrayLike) -> np.ndarray:
    """Compute 1 / (1 + a) for numbers from 0 to 1; all have 0 integer bits."""
    return saturating_left_shift(_half_of_one_over_half_of_one_plus_x(a), 1)


def one_minus_x_over_one_plus_x(a: ArrayLike) -> np.ndarray:
    """Compute (1 - a) / (1 + a) for numbers from 0 to 1; all have 0 integer bits."""
    return saturating_left_shift(_half_of_one_over_half_of_one_plus_x(a) - (1 << 29), 2)


def _half_of_one_over_half_of_one_plus_x(a: ArrayLike) -> np.ndarray:
    """Divide with three Newton steps; the result has 2 integer bits."""
    total = np.asarray(a, np.int64) + INT32_MAX
    half = truncating_divide(total + np.where(total >= 0, 1, -1), 2)
    x = 1515870810 + rounding_high_mul(half, -1010580540)  # 48/17 - 32/17 half
    for _ in range(3):
        residual = (1 << 29) - rounding_high_mul(half, x)
        x = x + saturating_left_shift(rounding_high_mul(x, residual), 2)
    return x


def logistic(a: ArrayLike, integer_bits: int) -> np.ndarray:
    """Compute 1 / (1 + e^-a).

    Args:
        a: Fixed-point numbers.
        integer_bits: Number of integer bits of a.

    Returns:
        Fixed-point numbers with 0 integer bits.
    """
    a = np.asarray(a, np.int64)
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(a), integer_bits))
    return np.where(a == 0, 1 << 30, np.where(a > 0, positive, INT32_MAX - positive))


def tanh(a: ArrayLike, integer_bits: int) -> np.ndarray:
    """Compute the hyperbolic tangent.

    Args:
        a: Fixed-point numbers.
        integer_bits: Number of integer bits of a.

    Returns:
        Fixed-point numbers with 0 integer bits.
    """
    a = np.asarray(a, np.int64)
    # The same int32 number with one integer bit more represents twice the value.
    positive = one_minus_x_over_one_plus_x(exp_on_negative_values(-np.abs(a), integer_bits + 1))
    return np.where(a == 0, 0, np.where(a > 0, positive, -positive))


def reciprocal(x: ArrayLike, integer_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute 1 / x as scale * 2^-bits_over_unit: `GetReciprocal`.

    Args:
        x: Positive fixed-point numbers.
        integer_bits: Number of integer bits of x.

    Returns:
        The scale, a fixed-point number between 1/2 and 1 with 0 integer bits, and bits_over_unit.
    """
    x = np.asarray(x, np.int64)
    headroom = count_leading_zeros(x)
    shifted = (x << headroom) - (1 << 31)
    return one_over_one_plus_x(shifted), integer_bits - headroom
