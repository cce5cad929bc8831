"""Selection of the calibration samples."""

import numpy as np

from snugnet.core.samples import Samples


def draw_calibration(train: Samples, count: int, seed: int) -> tuple[Samples, np.ndarray]:
    """Draw samples from train for calibrating activation ranges.

    Args:
        train: The train split; no other split may be used for calibration.
        count: Number of samples to draw; all of them if train has fewer.
        seed: Random seed of the draw.

    Returns:
        The samples, and their indices in train, int64 (count,), both in the order of the draw.
    """
    size = min(count, len(train.x))
    # The order of the draw is kept, so that the first k samples are a random sample too.
    index = np.random.default_rng(seed).choice(len(train.x), size=size, replace=False)
    return train.take(index), index
