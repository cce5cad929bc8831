"""Conversion of Akida potentials to predictions: the last activation, which runs on the host."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from snugnet.core.predictions import Predictions
from snugnet.core.samples import Samples


def build_predictions(
    potentials: np.ndarray, conversion: Mapping[str, Any], test: Samples
) -> Predictions:
    """Build predictions from integer potentials.

    Args:
        potentials: int32 (n, k).
        conversion: Record of the conversion, with `potential_scale` and `head`.
        test: Samples that the potentials belong to.

    Returns:
        Predictions whose `raw` values are the potentials.
    """
    scale = np.array(conversion["potential_scale"], np.float64)
    scores = _apply_activation(potentials * scale, conversion["head"]).astype(np.float32)
    return Predictions.from_samples(test, scores, potentials, scale)


def build_empty_predictions(test: Samples) -> Predictions:
    """Build the predictions of a model that does not fit the chip: for no sample.

    Args:
        test: Samples of the dataset, for the task and the class names.
    """
    outputs = 1 if test.task == "binary" else len(test.class_names)
    scores, raw = np.zeros((0, outputs), np.float32), np.zeros((0, outputs), np.int32)
    return Predictions.from_samples(test.take(np.arange(0)), scores, raw)


def _apply_activation(x: np.ndarray, name: str) -> np.ndarray:
    """Apply softmax or sigmoid to real potentials, (n, k); other names change nothing."""
    if name == "softmax":
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-x))
    return x
