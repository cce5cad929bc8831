"""Tests of the loader of scikit-learn's digits."""

from pathlib import Path

import numpy as np

from snugnet.core.samples import check_samples
from snugnet.core.settings.datasets.digits import DigitsDataset
from snugnet.datasets import digits


def test_digits_is_equal_when_seeds_differ():
    first, second = (digits.load(DigitsDataset(kind="digits"), Path(), seed) for seed in (3, 4))
    check_samples(first, "x")
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.y, second.y)
