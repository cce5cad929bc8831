"""Tests of the scaling of raw values."""

import numpy as np

from snugnet.datasets import scaling


def test_fit_saturates_at_train_range_when_kind_is_uint8():
    scale, parameters = scaling.fit("uint8", np.array([[[-1.0], [3.0]]]))
    assert parameters == {"low": [-1.0], "high": [3.0]}
    output = scale(np.array([[[-9.0], [-1.0], [1.0], [3.0], [9.0]]]))
    assert output.dtype == np.uint8
    assert output.ravel().tolist() == [0, 0, 128, 255, 255]


def test_fit_maps_train_to_0_and_1_when_kind_is_minmax():
    scale, _ = scaling.fit("minmax", np.array([[[2.0], [6.0]]]))
    assert scale(np.array([[[2.0], [3.0], [6.0]]])).ravel().tolist() == [0.0, 0.25, 1.0]


def test_fit_keeps_values_small_when_channel_is_constant():
    train = np.full((50, 10, 1), 0.1)
    scale, _ = scaling.fit("standardize", train)
    assert np.abs(scale(train + 0.1)).max() < 1


def test_fit_scales_each_sample_when_kind_is_per_sample():
    scale, parameters = scaling.fit("per_sample", np.zeros((1, 4, 1)))
    x = np.array([[1.0, 2, 3, 4], [7, 7, 7, 7]])[..., np.newaxis]
    output = scale(x)
    assert parameters == {}
    np.testing.assert_allclose(output[0].std(), 1, atol=1e-6)
    assert (output[1] == 0).all()
