"""Tests of the synthetic 12-lead ECGs."""

from pathlib import Path

import numpy as np

from snugnet.core.samples import Samples, check_samples
from snugnet.core.settings.datasets.synthetic_ecg12 import SyntheticEcg12Dataset
from snugnet.datasets import synthetic_ecg12


def load(patients: int, recordings: int, seed: int = 1) -> Samples:
    settings = SyntheticEcg12Dataset(
        kind="synthetic_ecg12", patients=patients, recordings=recordings
    )
    return synthetic_ecg12.load(settings, Path(), seed)


def test_synthetic_ecg12_is_equal_only_when_seeds_are_equal():
    first, second, third = (load(24, 2, seed) for seed in (3, 3, 4))
    check_samples(first, "x")
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.y, second.y)
    assert not np.array_equal(first.x, third.x)


def test_synthetic_ecg12_obeys_einthoven_when_leads_have_noise():
    samples = load(40, 1)
    lead_1, lead_2, lead_3 = samples.x[..., 0], samples.x[..., 1], samples.x[..., 2]
    # Each lead has its own noise and drift.
    assert np.abs(lead_2 - lead_1 - lead_3).std() < 0.15 < np.abs(lead_2).max()


def test_synthetic_ecg12_has_one_label_when_ecg_is_normal():
    samples = load(40, 1)
    counts = samples.y.sum(axis=1)
    assert (counts > 1).any()
    assert (counts >= 1).all()
    assert (counts[samples.y[:, 0] == 1] == 1).all()
