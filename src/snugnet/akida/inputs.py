"""What becomes of inputs that a program does not take."""

from collections.abc import Sequence

import numpy as np

from snugnet.core.errors import InputError


def saturate(x: np.ndarray, limits: Sequence[float]) -> np.ndarray:
    """Clip inputs to the range of a program, float32.

    The chip does so by itself; the quantized Keras model does not (quantizeml 1.2.5).
    """
    low, high = limits
    return np.clip(x.astype(np.float32), np.float32(low), np.float32(high))


def count_saturated(x: np.ndarray, limits: Sequence[float]) -> int:
    """Count the values that saturate."""
    return int((saturate(x, limits) != x).sum())


def check_shape(x: np.ndarray, shape: Sequence[int]) -> None:
    """Refuse inputs of another shape than a model takes.

    Args:
        x: Inputs, (n, ...).
        shape: Of one sample.

    Raises:
        InputError: If they differ.
    """
    if tuple(x.shape[1:]) != tuple(shape):
        raise InputError(f"inputs have shape {list(x.shape[1:])}; the model expects {list(shape)}")
