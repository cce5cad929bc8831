"""Tests of the synthetic heart beats."""

from pathlib import Path

import numpy as np

from snugnet.core.samples import Samples, check_samples
from snugnet.core.settings.datasets.synthetic_beats import SyntheticBeatsDataset
from snugnet.datasets import synthetic_beats


def load(patients: int, beats: int, normal: int = 1, seed: int = 1) -> Samples:
    settings = SyntheticBeatsDataset(
        kind="synthetic_beats", patients=patients, beats=beats, normal=normal
    )
    return synthetic_beats.load(settings, Path(), seed)


def width(beats: np.ndarray) -> float:
    """Return the fraction of the middle of the windows that is above half of its height."""
    middle = beats[:, 120:200]
    height = middle.max(axis=1, keepdims=True)
    return float(np.mean(middle > height / 2))


def test_synthetic_beats_is_equal_only_when_seeds_are_equal():
    first, second, third = (load(6, 3, seed=seed) for seed in (3, 3, 4))
    check_samples(first, "x")
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.y, second.y)
    assert not np.array_equal(first.x, third.x)


def test_synthetic_beats_centres_r_wave_when_beat_is_normal():
    samples = load(12, 6)
    mean_beat = samples.x[samples.y == 0, :, 0].mean(axis=0)
    assert abs(int(np.abs(mean_beat).argmax()) - 160) <= 6


def test_synthetic_beats_is_wide_when_beat_is_ventricular():
    samples = load(12, 6)
    normal_beats, ventricular_beats = (samples.x[samples.y == label, :, 0] for label in (0, 3))
    assert width(ventricular_beats) > 1.5 * width(normal_beats)


def test_synthetic_beats_has_more_normal_beats_when_requested():
    samples = load(3, 2, normal=4)
    assert np.bincount(samples.y).tolist() == [24, 6, 6, 6, 6]
