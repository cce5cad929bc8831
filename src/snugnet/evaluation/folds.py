"""Predictions of a cross-validation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from snugnet.core.predictions import Predictions


def describe_unfit_folds(model: str) -> str:
    """Explain that a fold's model cannot be converted for Akida, and where the reason is."""
    return (
        "the model of a fold cannot be converted; the reason is in conversion.json below "
        f"akida/{model}_fold*"
    )


def pool_predictions(folds: Sequence[Predictions], latency_ns: np.ndarray) -> Predictions:
    """Join the predictions of all folds: each sample by the model that was not trained on it.

    Args:
        folds: Predictions of each fold's model for the fold's test split, in the order of folds.
        latency_ns: Latencies of the delivered file, int64 (m,); empty if not measured.

    Returns:
        The predictions of all samples. The models have different quantizations, so `raw` holds the
        scores. There are no predictions if a fold has none, because its model cannot be converted.
    """
    first = min(folds, key=lambda fold: len(fold.scores))
    if not len(first.scores):
        return first
    scores = np.concatenate([fold.scores for fold in folds])
    groups = [fold.group for fold in folds if fold.group is not None]
    return replace(
        first,
        scores=scores,
        labels=np.concatenate([fold.labels for fold in folds]),
        group=np.concatenate(groups) if groups else None,
        raw=scores.reshape(len(scores), -1),
        scale=1.0,
        zero_point=0,
        latency_ns=latency_ns,
        anomaly=np.concatenate([fold.anomaly for fold in folds]),
    )
