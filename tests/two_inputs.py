"""Samples with a signal and two numbers, for models with two inputs."""

import numpy as np


def make_arrays(samples: int = 160) -> dict[str, np.ndarray]:
    """Make samples whose class depends on both inputs.

    The class has the sign of the signal `ecg`, (n, 32), and whether the second of the numbers
    `person`, (n, 2), is large. The numbers come first, so that an alphabetical order of inputs or
    the order of the file would be noticed.
    """
    rng = np.random.default_rng(3)
    sign, mark = rng.integers(0, 2, samples), rng.integers(0, 2, samples)
    ecg = rng.normal(size=(samples, 32)) * 0.3 + (2 * sign - 1)[:, np.newaxis]
    person = np.stack([rng.normal(60, 10, samples), 40.0 * mark], axis=1)
    y = (2 * sign + mark).astype(np.int64)
    return {"person": person, "ecg": ecg, "subject": np.arange(samples) // 8, "y": y}
