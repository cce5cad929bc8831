"""scikit-learn's handwritten digits: 1,797 real images of 8x8 (UCI optdigits, test part)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from snugnet.core.samples import Samples


def load(settings: Mapping[str, Any], seed: int) -> Samples:
    """Read the digits that come with scikit-learn.

    Args:
        settings: Nothing of it is used.
        seed: Not used: reading draws nothing.

    Returns:
        x float32 (1797, 8, 8, 1) in 0..16.
    """
    digits = load_digits()
    return Samples(
        x=digits.images[..., np.newaxis].astype(np.float32),
        y=digits.target.astype(np.int64),
        class_names=tuple("0123456789"),
        task="multiclass",
    )
