"""Handwritten digits of scikit-learn: 1,797 real 8x8 images (UCI optdigits, test part)."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from snugnet.core.samples import Samples
from snugnet.core.settings.datasets.digits import DigitsDataset

SETTINGS = DigitsDataset


def load(settings: DigitsDataset, datasets_dir: Path, seed: int) -> Samples:
    """Load the digits that come with scikit-learn.

    Args:
        settings: Not used.
        datasets_dir: Not used; the images come with scikit-learn.
        seed: Not used; nothing is drawn.

    Returns:
        Samples with x float32 (1797, 8, 8, 1), values 0 to 16.
    """
    digits = load_digits()
    return Samples(
        x=digits.images[..., np.newaxis].astype(np.float32),
        y=digits.target.astype(np.int64),
        class_names=tuple("0123456789"),
        task="multiclass",
    )
