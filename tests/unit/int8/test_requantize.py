"""Tests of the fast requantization against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snugnet.int8.fixed_point import INT32_MAX, multiply_by_quantized_multiplier, wrap32
from snugnet.int8.requantize import (
    MAX_SHIFT,
    MAX_TWO_STEP_SUM,
    make_requantizer,
)


def by_definition(sums, q, shift, point, limits, dtype):
    scaled = multiply_by_quantized_multiplier(wrap32(sums), q, shift)
    return np.clip(wrap32(scaled + point), *limits).astype(dtype)


def hard_sums(q: np.ndarray, shift: np.ndarray, bound: int, rng) -> np.ndarray:
    """Sums whose outputs lie at the ties, and anywhere, (rows, channels)."""
    real = q * 2.0 ** (shift - 31.0)
    steps = rng.integers(-300, 300, (200, len(q)))
    ties = np.rint((steps + 0.5) / np.maximum(real, 2.0**-40)) + rng.integers(-2, 3, steps.shape)
    anywhere = rng.integers(-bound, bound + 1, (100, len(q)))
    ends = np.array([[-bound] * len(q), [bound] * len(q), [0] * len(q), [1] * len(q)])
    return np.clip(np.concatenate([ties, anywhere, ends]), -bound, bound)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_requantizer_equals_definition_when_inputs_are_random(data):
    channels = data.draw(st.integers(1, 5))
    dtype = data.draw(st.sampled_from(["int8", "uint8", "int16"]))
    info = np.iinfo(dtype)
    point = data.draw(st.integers(info.min, info.max)) if dtype != "int16" else 0
    low = data.draw(st.sampled_from([int(info.min), point]))
    high = data.draw(st.integers(low, info.max))
    shift = np.array([data.draw(st.integers(-31, 2)) for _ in range(channels)])
    if data.draw(st.booleans()):
        shift = np.clip(shift, -MAX_SHIFT, 0)
    q = np.array(
        [data.draw(st.sampled_from([2**30, 2**31 - 1, 3 * 2**29, 0])) for _ in range(channels)]
    )
    if data.draw(st.booleans()):
        q = np.array([data.draw(st.integers(2**30, 2**31 - 1)) for _ in range(channels)])
    q, shift = np.where(shift == 0, q, np.maximum(q, 2**30)), shift
    bound = data.draw(st.sampled_from([100, 30_000, MAX_TWO_STEP_SUM - 1, INT32_MAX, 2**40]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    sums = hard_sums(q, shift, bound, rng)
    offset = rng.integers(-bound, bound, channels) // 2
    expected = by_definition(sums, q, shift, point, (low, high), dtype)
    for added in (np.zeros(channels, np.int64), offset):
        finish = make_requantizer(q, shift, point, (low, high), bound, dtype, added)
        np.testing.assert_array_equal(finish((sums - added).astype(np.float64)), expected)
        if 2 * bound < 2**24:
            np.testing.assert_array_equal(finish((sums - added).astype(np.float32)), expected)


@pytest.mark.parametrize("right", [1, 5, 8, MAX_SHIFT])
@pytest.mark.parametrize("q", [2**30, 2**30 + 1, 2**31 - 1, 1_355_291_996])
def test_requantizer_equals_definition_when_all_sums_are_tried(right, q):
    """Every sum that does not saturate, not a sample of them."""
    reach = int(200 * 2 ** (31 + right) / q) + 10
    sums = np.arange(-reach, reach + 1, dtype=np.int64)[:, np.newaxis]
    multiplier = np.array([q]), np.array([-right])
    for limits in ((-128, 127), (3, 127)):
        finish = make_requantizer(*multiplier, 3, limits, reach, "int8", np.zeros(1))
        expected = by_definition(sums, *multiplier, 3, limits, "int8")
        np.testing.assert_array_equal(finish(sums.astype(np.float64)), expected)


def test_requantizer_equals_definition_when_rows_are_few_or_many():
    q, shift = np.array([2**30, 3 * 2**29, 2**31 - 1]), np.array([-7, -8, -9])
    rng = np.random.default_rng(0)
    for rows in (1, 2, 7, 64, 130):
        sums = rng.integers(-50_000, 50_000, (rows, 3))
        finish = make_requantizer(q, shift, -5, (-128, 127), 50_000, "int8", np.zeros(3))
        result = finish(sums.astype(np.float32))
        np.testing.assert_array_equal(
            result, by_definition(sums, q, shift, -5, (-128, 127), "int8")
        )
