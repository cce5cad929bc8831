"""From potentials to predictions: the last activation, which stays outside the chip."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from snugnet.core.predictions import Predictions
from snugnet.core.samples import Samples


def build_predictions(
    potentials: np.ndarray, conversion: Mapping[str, Any], test: Samples
) -> Predictions:
    """Make predictions of integer potentials.

    Args:
        potentials: int32 (n, k).
        conversion: The record of the conversion: `potential_scale`, `head`.
        test: What they were computed for.
    """
    scale = np.array(conversion["potential_scale"], np.float64)
    scores = _activated(potentials * scale, conversion["head"]).astype(np.float32)
    return Predictions.from_samples(test, scores, potentials, scale)


def build_empty_predictions(test: Samples) -> Predictions:
    """Make the predictions of a model that does not fit: of no sample."""
    outputs = 1 if test.task == "binary" else len(test.class_names)
    scores, raw = np.zeros((0, outputs), np.float32), np.zeros((0, outputs), np.int32)
    return Predictions.from_samples(test.take(np.arange(0)), scores, raw)


def _activated(x: np.ndarray, name: str) -> np.ndarray:
    if name == "softmax":
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-x))
    return x
