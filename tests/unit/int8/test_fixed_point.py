"""Tests of the fixed-point arithmetic against definitions in Python integers."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snugnet.core.affine import round_half_away
from snugnet.int8 import fixed_point as fp

LOW, HIGH = -(2**31), 2**31 - 1
EDGES = sorted(
    {
        *(LOW, LOW + 1, HIGH, HIGH - 1, 0, 1, -1),
        *(
            sign * (2**k + d)
            for k in (1, 7, 15, 16, 29, 30)
            for d in (-1, 0, 1)
            for sign in (1, -1)
        ),
    }
)
int32 = st.integers(LOW, HIGH)


def floor_half_up(x: Fraction) -> int:
    return (x + Fraction(1, 2)).__floor__()


def half_away(x: Fraction) -> int:
    return floor_half_up(x) if x >= 0 else -floor_half_up(-x)


def high_mul(a: int, b: int) -> int:
    return HIGH if a == b == LOW else floor_half_up(Fraction(a * b, 2**31))


def wrapped(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def test_rounding_high_mul_equals_definition_when_width_is_32():
    pairs = np.array(list(itertools.product(EDGES, EDGES)), np.int64)
    expected = [high_mul(a, b) for a, b in pairs.tolist()]
    np.testing.assert_array_equal(fp.rounding_high_mul(pairs[:, 0], pairs[:, 1]), expected)


def test_rounding_high_mul_equals_definition_when_width_is_16():
    edges = [-32768, -32767, -1, 0, 1, 2, 16383, 16384, 32766, 32767]
    for a, b in itertools.product(edges, edges):
        expected = 32767 if a == b == -32768 else floor_half_up(Fraction(a * b, 2**15))
        assert fp.rounding_high_mul(a, b, 16) == expected


@pytest.mark.parametrize("exponent", range(32))
def test_rounding_divide_by_pot_equals_definition_when_x_is_edge(exponent):
    near = [k * 2**exponent + d for k in (-2, -1, 0, 1) for d in range(-2, 3)]
    halves = [(2 * k + 1) * 2**exponent // 2 + d for k in (-2, -1, 0, 1) for d in (-1, 0, 1)]
    values = [x for x in (*EDGES, *near, *halves) if LOW <= x <= HIGH]
    expected = [half_away(Fraction(x, 2**exponent)) for x in values]
    np.testing.assert_array_equal(fp.rounding_divide_by_pot(values, exponent), expected)


@given(int32, st.integers(2**30, HIGH), st.integers(-31, 8))
def test_quantized_multiplier_rounds_twice_when_sum_is_32_bits(x, q, shift):
    high = high_mul(wrapped(x << max(shift, 0)), q)
    expected = half_away(Fraction(high, 2 ** max(-shift, 0)))
    assert fp.multiply_by_quantized_multiplier(x, q, shift) == expected
    assert fp.apply_first_rounding(x, q, shift) == high


@given(st.integers(-(2**46), 2**46), st.integers(2**30, HIGH), st.integers(-31, 7))
def test_quantized_multiplier_rounds_once_when_sum_is_64_bits(x, q, shift):
    reduced = 0x7FFF if q >= 0x7FFF0000 else (q + 2**15) >> 16
    expected = wrapped(floor_half_up(Fraction(x * reduced, 2 ** (15 - shift))))
    assert fp.multiply_by_quantized_multiplier_64(x, q, shift) == expected


@pytest.mark.parametrize(
    ("real", "q", "shift"),
    [
        (0.0, 0, 0),
        (0.5, 2**30, 0),
        (1.0, 2**30, 1),
        (0.25, 2**30, -1),
        (1 - 2**-40, 2**30, 1),  # rounds up to a power of two
        (2.0**-32, 2**30, -31),
        (2.0**-33, 0, 0),  # below what can be written
        (-0.75, -3 * 2**29, 0),
        (3.0, 3 * 2**29, 2),
    ],
)
def test_quantize_multiplier_equals_table_when_value_is_special(real, q, shift):
    assert tuple(map(int, fp.quantize_multiplier(real))) == (q, shift)


@given(st.floats(2**-31, 2**20))
def test_quantize_multiplier_has_31_bits_when_real_is_in_range(real):
    q, shift = map(int, fp.quantize_multiplier(real))
    assert 2**30 <= q <= HIGH
    assert abs(Fraction(q) * Fraction(2) ** (shift - 31) / Fraction(real) - 1) <= Fraction(1, 2**31)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_half_away_rounds_away_from_zero_when_half(dtype):
    below = np.nextafter(dtype(0.5), dtype(0))
    values = np.array([0.5, -0.5, 1.5, -1.5, 2.5, -2.5, below, -below, 0.0, 8388609.0], dtype)
    expected = [1, -1, 2, -2, 3, -3, 0, 0, 0, 8388609]
    np.testing.assert_array_equal(round_half_away(values), expected)


@given(int32, st.integers(1, HIGH), st.booleans())
def test_truncating_divide_rounds_to_zero_when_signs_vary(a, b, negative):
    b = -b if negative else b
    expected = abs(a) // abs(b) * (1 if (a >= 0) == (b >= 0) else -1)
    assert fp.truncating_divide(a, b) == expected


@given(st.integers(-(2**40), 2**40))
def test_wrap32_keeps_low_bits_when_value_exceeds_32_bits(x):
    assert fp.wrap32(x) == wrapped(x)


@pytest.mark.parametrize("integer_bits", [0, 3, 5])
def test_exp_on_negative_values_is_close_when_format_differs(integer_bits):
    one = 2.0 ** (31 - integer_bits)
    a = -np.unique(np.geomspace(1, min(one * 20, 2**31 - 1), 5000).astype(np.int64))
    result = fp.exp_on_negative_values(a, integer_bits) / 2**31
    np.testing.assert_allclose(result, np.exp(a / one), atol=4e-7)
    assert fp.exp_on_negative_values(0, integer_bits) == HIGH


def test_reciprocal_is_close_to_quotient_when_x_is_positive():
    x = np.unique(np.geomspace(1, HIGH, 5000).astype(np.int64))
    scale, over = fp.reciprocal(x, 12)
    result = scale / 2.0**31 * 2.0 ** (-over.astype(float))
    np.testing.assert_allclose(result, 2.0**19 / x, rtol=1e-6)


@pytest.mark.parametrize(("function", "truth"), [("logistic", None), ("tanh", np.tanh)])
def test_logistic_and_tanh_are_close_to_numpy_when_x_is_int32(function, truth):
    a = np.arange(-(2**31) + 1, 2**31 - 1, 2**20 + 7)
    truth = truth or (lambda x: 1 / (1 + np.exp(-x)))
    result = getattr(fp, function)(a, 4)
    np.testing.assert_allclose(result / 2**31, truth(a / 2**27), atol=3e-7)


@given(st.integers(1, HIGH))
def test_count_leading_zeros_is_exact_when_value_is_positive(x):
    assert fp.count_leading_zeros(x) == 32 - x.bit_length()
