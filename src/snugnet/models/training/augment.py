"""Data augmentation of training batches, outside of the model."""

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.inputs import has_several_inputs
from snugnet.core.settings.training import Augmentation


def augment(x: np.ndarray, settings: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Augment a batch; a setting of 0 disables its step.

    Args:
        x: float32 (n, height, width, channels). Several inputs are not augmented.
        settings: Settings of the steps: shifts in samples and pixels, `gain` as a fraction, `noise`
            in the units of `x`.
        rng: Random number generator.

    Returns:
        A new array of the same shape, float32.

    Raises:
        InputError: If samples have several inputs and a setting is not 0.
    """
    if has_several_inputs(x):
        if settings != Augmentation():
            raise InputError(
                "training.augment: not possible for a model with several inputs; remove it"
            )
        return x
    if settings.roll:
        x = _roll(x, rng.integers(-settings.roll, settings.roll + 1, len(x)))
    if any(settings.shift):
        limits = np.array(settings.shift)
        x = _shift(x, rng.integers(-limits, limits + 1, (len(x), 2)))
    if settings.gain:
        x = x * rng.normal(1.0, settings.gain, (len(x), x.shape[1], 1, 1)).astype(np.float32)
    if settings.noise:
        x = x + settings.noise * rng.standard_normal(x.shape, dtype=np.float32)
    return x.astype(np.float32, copy=False)


def _roll(x: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    columns = (np.arange(x.shape[2]) - offsets[:, np.newaxis]) % x.shape[2]
    return np.take_along_axis(x, columns[:, np.newaxis, :, np.newaxis], axis=2)


def _shift(x: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Shift each sample by its own (rows, columns), and fill the border with zeros."""
    _, height, width, _ = x.shape
    pad_rows, pad_columns = np.abs(offsets).max(axis=0)
    padded = np.pad(x, ((0, 0), (pad_rows, pad_rows), (pad_columns, pad_columns), (0, 0)))
    rows = np.arange(height) + pad_rows - offsets[:, :1]
    columns = np.arange(width) + pad_columns - offsets[:, 1:]
    sample = np.arange(len(x))[:, np.newaxis, np.newaxis]
    return padded[sample, rows[:, :, np.newaxis], columns[:, np.newaxis, :]]
