"""Tests of the selection of calibration samples."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snugnet.core.samples import Samples
from snugnet.datasets.calibration import draw_calibration


def train_samples(n: int) -> Samples:
    x = np.arange(n, dtype=np.float32)[:, np.newaxis]
    return Samples(x, np.arange(n) % 2, ("a", "b"), "multiclass")


def test_draw_calibration_spans_train_when_draw_is_truncated():
    _, index = draw_calibration(train_samples(1000), 200, 1)
    assert index[:20].max() > 500


@given(count=st.integers(1, 100), seed=st.integers(0, 2**31))
def test_draw_calibration_repeats_no_sample_when_count_varies(count, seed):
    train = train_samples(60)
    calibration, index = draw_calibration(train, count, seed)
    assert len(index) == min(count, 60) == len(set(index.tolist()))
    np.testing.assert_array_equal(calibration.x, train.x[index])


@given(count=st.integers(1, 100), seed=st.integers(0, 2**31))
def test_draw_calibration_is_equal_when_seeds_are_equal(count, seed):
    train = train_samples(60)
    _, first_index = draw_calibration(train, count, seed)
    _, second_index = draw_calibration(train, count, seed)
    np.testing.assert_array_equal(first_index, second_index)
