"""Precision and recall of each class."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from snugnet.core.predictions import Predictions
from snugnet.core.tasks import Task

# Classes are unbalanced if the largest has this many times the samples of the smallest.
UNBALANCED = 3


@dataclass(frozen=True)
class ClassQuality:
    """Decisions for one class or label.

    Attributes:
        name: Name of the class.
        n: Number of samples of the class; of positions, for segmentation.
        precision: Share of the decisions for the class that are right, in 0..1; None if there are
            none.
        recall: Share of the samples of the class that are found, in 0..1; None if there are none.
    """

    name: str
    n: int
    precision: float | None
    recall: float | None


def are_unbalanced(predictions: Predictions) -> bool:
    """Check whether the classes have very different numbers of samples."""
    counts = _count(predictions)
    present = counts[counts > 0]
    return bool(len(present) > 1 and present.max() >= UNBALANCED * present.min())


def measure_classes(predictions: Predictions) -> tuple[ClassQuality, ...]:
    """Measure precision and recall of each class, in the order of the classes."""
    truth, decisions = predictions.labels, predictions.decide()
    if predictions.task != Task.MULTILABEL:
        truth, decisions = truth.ravel(), decisions.ravel()
    labels = range(len(predictions.class_names))
    precision, recall, _, support = precision_recall_fscore_support(
        truth, decisions, labels=list(labels), zero_division=np.nan
    )
    rows = zip(predictions.class_names, support, precision, recall, strict=True)
    return tuple(
        ClassQuality(name, int(n), _none_if_nan(right), _none_if_nan(caught))
        for name, n, right, caught in rows
    )


def _count(predictions: Predictions) -> np.ndarray:
    if predictions.task == Task.MULTILABEL:
        counts: np.ndarray = predictions.labels.sum(axis=0)
        return counts
    return np.bincount(predictions.labels.ravel(), minlength=len(predictions.class_names))


def _none_if_nan(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
