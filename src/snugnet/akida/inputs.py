"""Checks of model inputs, and saturation of values beyond a program's input range."""

from collections.abc import Sequence

import numpy as np

from snugnet.core.errors import InputError


def saturate(x: np.ndarray, limits: Sequence[float]) -> np.ndarray:
    """Clip inputs to the input range of a program.

    The chip saturates inputs itself; the quantized Keras model does not (quantizeml 1.2.5).

    Args:
        x: Inputs, (n, ...).
        limits: Lowest and highest value of the input range.

    Returns:
        The clipped inputs, float32.
    """
    low, high = limits
    return np.clip(x.astype(np.float32), np.float32(low), np.float32(high))


def count_saturated(x: np.ndarray, limits: Sequence[float]) -> int:
    """Count the values that saturate; the arguments are those of `saturate`."""
    return int((saturate(x, limits) != x).sum())


def check_shape(x: np.ndarray, shape: Sequence[int]) -> None:
    """Check that inputs have the shape that a model expects.

    Args:
        x: Inputs, (n, ...).
        shape: Expected shape of one sample.

    Raises:
        InputError: If the shapes differ.
    """
    if tuple(x.shape[1:]) != tuple(shape):
        raise InputError(f"inputs have shape {list(x.shape[1:])}; the model expects {list(shape)}")
