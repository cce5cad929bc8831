"""Fixed-point arithmetic of TensorFlow Lite's reference kernels, on arrays, bit for bit.

All functions take and return int64 arrays whose values fit what the kernels use (int32 unless said
otherwise) and broadcast. Formulas: gemmlowp's `fixedpoint/fixedpoint.h` and TensorFlow Lite's
`kernels/internal/common.h` and `quantization_util.cc`, in the build with double rounding that both
LiteRT's and TensorFlow Lite Micro's packages are.
"""

import numpy as np
from numpy.typing import ArrayLike

from snugnet.core.affine import round_half_away

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def wrap32(x: ArrayLike) -> np.ndarray:
    """Keep the low 32 bits, as int32 arithmetic does when it overflows."""
    return np.asarray(x, np.int64).astype(np.int32).astype(np.int64)


def saturate(x: np.ndarray, bits: int) -> np.ndarray:
    """Limit to the range of signed integers of so many bits."""
    return np.clip(x, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def quotient(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Divide as C does: the result is cut, towards zero."""
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


def quantize_multiplier(real: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Write numbers as q * 2^(shift - 31) with 2^30 <= |q| < 2^31: `QuantizeMultiplier`.

    Args:
        real: Multipliers, float64.

    Returns:
        q and shift; both 0 where the number is 0 or below 2^-32.
    """
    fraction, shift = np.frexp(np.asarray(real, np.float64))
    q = round_half_away(fraction * 2.0**31).astype(np.int64)
    shift = shift.astype(np.int64)
    full = q == 1 << 31
    q, shift = np.where(full, q >> 1, q), np.where(full, shift + 1, shift)
    tiny = shift < -31
    return np.where(tiny, 0, q), np.where(tiny, 0, shift)


def rounding_high_mul(a: ArrayLike, b: ArrayLike, bits: int = 32) -> np.ndarray:
    """Compute a * b / 2^(bits - 1) to the nearest, halves up: `SaturatingRoundingDoublingHighMul`.

    The one overflow, of the lowest number times itself, gives the highest.
    """
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    product = (a * b + (1 << (bits - 2))) >> (bits - 1)
    return np.minimum(product, (1 << (bits - 1)) - 1)


def rounding_divide_by_pot(x: ArrayLike, exponent: ArrayLike) -> np.ndarray:
    """Compute x / 2^exponent to the nearest, halves away from zero: `RoundingDivideByPOT`."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def multiply_by_quantized_multiplier(x: ArrayLike, q: ArrayLike, shift: ArrayLike) -> np.ndarray:
    """Compute x * q * 2^(shift - 31), rounded twice: `MultiplyByQuantizedMultiplier(int32_t, …)`.

    First by `rounding_high_mul`, then by `rounding_divide_by_pot`; a shift above 0 is done first
    and wraps.
    """
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    shifted = wrap32(np.asarray(x, np.int64) << left)
    return rounding_divide_by_pot(rounding_high_mul(shifted, q), right)


def first_rounding(x: int, q: int, shift: int) -> int:
    """Give what stands between the two roundings of `multiply_by_quantized_multiplier`."""
    return int(rounding_high_mul(wrap32(x << max(shift, 0)), q))


def multiply_by_quantized_multiplier_64(x: ArrayLike, q: ArrayLike, shift: ArrayLike) -> np.ndarray:
    """Compute x * q * 2^(shift - 31) for an int64 x: `MultiplyByQuantizedMultiplier(int64_t, …)`.

    The multiplier is first rounded to 16 bits; the product is rounded once, halves up, and keeps
    its low 32 bits.
    """
    q, shift = np.asarray(q, np.int64), np.asarray(shift, np.int64)
    reduced = np.where(q < 0x7FFF0000, (q + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - shift
    return wrap32((np.asarray(x, np.int64) * reduced + (np.int64(1) << (total - 1))) >> total)


def saturating_left_shift(x: ArrayLike, exponent: int, bits: int = 32) -> np.ndarray:
    """Compute x * 2^exponent, limited to the range of so many bits."""
    return saturate(np.asarray(x, np.int64) << exponent, bits)


def count_leading_zeros(x: ArrayLike) -> np.ndarray:
    """Count the leading zeros of positive int32 numbers."""
    return 32 - np.frexp(np.asarray(x, np.float64))[1].astype(np.int64)


def exp_on_negative_values(a: ArrayLike, integer_bits: int) -> np.ndarray:
    """Compute e^a of numbers <= 0 with so many integer bits, with 0 integer bits."""
    a = np.asarray(a, np.int64)
    fractional = 31 - integer_bits
    quarter = 1 << (fractional - 2)
    modulo = (a & (quarter - 1)) - quarter
    result = _exp_between_minus_a_quarter_and_0(saturating_left_shift(modulo, integer_bits))
    remainder = modulo - a
    # e^-(2^exponent), by which those with this bit in the remainder are multiplied.
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
    """Taylor's series about -1/8, to the fourth power."""
    x = a + (1 << 28)
    x2 = rounding_high_mul(x, x)
    x3 = rounding_high_mul(x2, x)
    x4 = rounding_high_mul(x2, x2)
    higher = rounding_divide_by_pot(x4, 2) + x3
    rest = rounding_divide_by_pot(rounding_high_mul(higher, 715827883) + x2, 1)
    return 1895147668 + rounding_high_mul(1895147668, x + rest)


def one_over_one_plus_x(a: ArrayLike) -> np.ndarray:
    """Compute 1 / (1 + a) of numbers from 0 to 1, without integer bits."""
    return saturating_left_shift(_half_of_one_over_half_of_one_plus_x(a), 1)


def one_minus_x_over_one_plus_x(a: ArrayLike) -> np.ndarray:
    """Compute (1 - a) / (1 + a) of numbers from 0 to 1, without integer bits."""
    return saturating_left_shift(_half_of_one_over_half_of_one_plus_x(a) - (1 << 29), 2)


def _half_of_one_over_half_of_one_plus_x(a: ArrayLike) -> np.ndarray:
    """Newton's division, three steps, in two integer bits."""
    total = np.asarray(a, np.int64) + INT32_MAX
    half = quotient(total + np.where(total >= 0, 1, -1), 2)
    x = 1515870810 + rounding_high_mul(half, -1010580540)  # 48/17 - 32/17 half
    for _ in range(3):
        rest = (1 << 29) - rounding_high_mul(half, x)
        x = x + saturating_left_shift(rounding_high_mul(x, rest), 2)
    return x


def logistic(a: ArrayLike, integer_bits: int) -> np.ndarray:
    """Compute 1 / (1 + e^-a) without integer bits."""
    a = np.asarray(a, np.int64)
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(a), integer_bits))
    return np.where(a == 0, 1 << 30, np.where(a > 0, positive, INT32_MAX - positive))


def tanh(a: ArrayLike, integer_bits: int) -> np.ndarray:
    """Compute the hyperbolic tangent without integer bits."""
    a = np.asarray(a, np.int64)
    # The same number read with one integer bit more is twice as large.
    t = one_minus_x_over_one_plus_x(exp_on_negative_values(-np.abs(a), integer_bits + 1))
    return np.where(a == 0, 0, np.where(a > 0, t, -t))


def reciprocal(x: ArrayLike, integer_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Write 1 / x as scale * 2^-bits_over_unit: `GetReciprocal`.

    Args:
        x: Positive numbers.
        integer_bits: Of x.

    Returns:
        The scale, between 1/2 and 1 without integer bits, and the bits over the unit.
    """
    x = np.asarray(x, np.int64)
    headroom = count_leading_zeros(x)
    shifted = (x << headroom) - (1 << 31)
    return one_over_one_plus_x(shifted), integer_bits - headroom
