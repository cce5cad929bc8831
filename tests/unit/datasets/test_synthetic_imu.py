"""Tests of the synthetic wrist motion."""

from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from snugnet.core.samples import Samples, check_samples
from snugnet.core.settings.datasets.synthetic_imu import SyntheticImuDataset
from snugnet.datasets import synthetic_imu


def load(subjects: int, windows: int, seed: int = 1) -> Samples:
    settings = SyntheticImuDataset(kind="synthetic_imu", subjects=subjects, windows=windows)
    return synthetic_imu.load(settings, Path(), seed)


def features(x: np.ndarray) -> np.ndarray:
    steps = np.abs(np.diff(x, axis=1)).mean(axis=1)
    return np.hstack([x.mean(axis=1), x.std(axis=1), steps])


def test_synthetic_imu_is_equal_only_when_seeds_are_equal():
    first, second, third = (load(12, 3, seed) for seed in (3, 3, 4))
    check_samples(first, "x")
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.y, second.y)
    assert not np.array_equal(first.x, third.x)


def test_synthetic_imu_keeps_subjects_when_more_are_requested():
    three_subjects, five_subjects = load(3, 2), load(5, 2)
    np.testing.assert_array_equal(three_subjects.x, five_subjects.x[: len(three_subjects.x)])


def test_synthetic_imu_measures_gravity_when_subjects_sit():
    samples = load(12, 3)
    acceleration = samples.x[samples.y == synthetic_imu.ACTIVITIES.index("sitting")][..., :3]
    assert abs(np.median(np.linalg.norm(acceleration.mean(axis=1), axis=1)) - 9.81) < 0.5


def test_synthetic_imu_saturates_when_acceleration_is_large():
    assert np.abs(load(12, 3).x[..., :3]).max() == np.float32(synthetic_imu.SATURATION)


def test_synthetic_imu_is_harder_when_split_by_subject():
    samples = load(40, 8)
    table = features(samples.x)

    def accuracy(mask: np.ndarray) -> float:
        forest = RandomForestClassifier(100, random_state=0)
        forest.fit(table[~mask], samples.y[~mask])
        return float(forest.score(table[mask], samples.y[mask]))

    subject_mask = np.isin(samples.group, np.arange(0, 40, 4))
    window_mask = np.arange(len(table)) % 4 == 0
    assert accuracy(window_mask) > accuracy(subject_mask) + 0.01
