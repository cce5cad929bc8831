"""Which train samples calibrate."""

import numpy as np

from snugnet.core.samples import Samples


def draw_calibration(train: Samples, count: int, seed: int) -> tuple[Samples, np.ndarray]:
    """Draw the samples that calibrate activation ranges, from train and nowhere else.

    Args:
        train: The train split.
        count: How many to draw; all of them if train has fewer.
        seed: Seed of the draw.

    Returns:
        The samples and their indices in train, in the order drawn, int64.
    """
    size = min(count, len(train.x))
    # In the order drawn: the first so many of them are a random sample too.
    index = np.random.default_rng(seed).choice(len(train.x), size=size, replace=False)
    return train.take(index), index
