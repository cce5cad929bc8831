"""Tests of the synthetic datasets and of the digits dataset."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from snugnet.core.samples import check_samples
from snugnet.datasets import digits, synthetic_beats, synthetic_ecg12, synthetic_imu

SMALL = {
    synthetic_imu: {"subjects": 12, "windows": 3},
    synthetic_beats: {"patients": 6, "beats": 3, "normal": 1},
    synthetic_ecg12: {"patients": 24, "recordings": 2},
    digits: {},
}


@pytest.mark.parametrize("module", SMALL, ids=lambda module: module.__name__.split(".")[-1])
def test_dataset_is_equal_only_when_seeds_are_equal(module):
    first, again = module.load(SMALL[module], 3), module.load(SMALL[module], 3)
    check_samples(first, "x")
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.y, again.y)
    if module is not digits:
        assert not np.array_equal(first.x, module.load(SMALL[module], 4).x)


def test_synthetic_imu_keeps_subjects_when_more_are_requested():
    few = synthetic_imu.load({"subjects": 3, "windows": 2}, 1)
    more = synthetic_imu.load({"subjects": 5, "windows": 2}, 1)
    np.testing.assert_array_equal(few.x, more.x[: len(few.x)])


def test_synthetic_imu_has_gravity_when_still_and_saturates():
    samples = synthetic_imu.load({"subjects": 12, "windows": 3}, 1)
    sitting = samples.x[samples.y == synthetic_imu.ACTIVITIES.index("sitting")][..., :3]
    assert abs(np.median(np.linalg.norm(sitting.mean(axis=1), axis=1)) - 9.81) < 0.5
    assert np.abs(samples.x[..., :3]).max() <= np.float32(synthetic_imu.SATURATION)


def features(x: np.ndarray) -> np.ndarray:
    steps = np.abs(np.diff(x, axis=1)).mean(axis=1)
    return np.hstack([x.mean(axis=1), x.std(axis=1), steps])


def test_synthetic_imu_is_harder_when_split_by_subject():
    samples = synthetic_imu.load({"subjects": 40, "windows": 8}, 1)
    table = features(samples.x)

    def accuracy(test: np.ndarray) -> float:
        forest = RandomForestClassifier(100, random_state=0).fit(table[~test], samples.y[~test])
        return float(forest.score(table[test], samples.y[test]))

    by_subject = np.isin(samples.group, np.arange(0, 40, 4))
    by_window = np.arange(len(table)) % 4 == 0
    assert accuracy(by_window) > accuracy(by_subject) + 0.01


def test_synthetic_beats_are_centred_and_ventricular_ones_wide():
    samples = synthetic_beats.load({"patients": 12, "beats": 6, "normal": 1}, 1)
    normal = samples.x[samples.y == 0, :, 0].mean(axis=0)
    assert abs(int(np.abs(normal).argmax()) - 160) <= 6
    ventricular = samples.x[samples.y == 3, :, 0]
    # The wide complex: more of the window's middle lies above half its height.
    middle = slice(120, 200)

    def width(beats: np.ndarray) -> float:
        height = beats[:, middle].max(axis=1, keepdims=True)
        return float(np.mean(beats[:, middle] > height / 2))

    assert width(ventricular) > 1.5 * width(samples.x[samples.y == 0, :, 0])


def test_synthetic_beats_has_more_normal_beats_when_requested():
    samples = synthetic_beats.load({"patients": 3, "beats": 2, "normal": 4}, 1)
    assert np.bincount(samples.y).tolist() == [24, 6, 6, 6, 6]


def test_synthetic_ecg12_obeys_einthoven_and_is_multilabel():
    samples = synthetic_ecg12.load({"patients": 40, "recordings": 1}, 1)
    one, two, three = samples.x[..., 0], samples.x[..., 1], samples.x[..., 2]
    # Up to each lead's own noise and drift.
    assert np.abs(two - one - three).std() < 0.15 < np.abs(two).max()
    assert (samples.y.sum(axis=1) > 1).any()
    assert (samples.y.sum(axis=1) >= 1).all()
    normal = samples.y[:, 0] == 1
    assert (samples.y[normal].sum(axis=1) == 1).all()
