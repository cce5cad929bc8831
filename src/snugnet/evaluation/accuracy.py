"""Accuracy of predictions with its interval, by group, and paired comparison with a baseline."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snugnet.core.predictions import Predictions
from snugnet.evaluation.statistics import (
    compute_accuracy_interval,
    compute_difference_interval,
    compute_paired_p,
)


@dataclass(frozen=True)
class Accuracy:
    """Accuracy of a model on test samples.

    Attributes:
        n: Number of samples.
        n_groups: Number of groups; None if the samples have no groups.
        accuracy: Fraction of correct decisions, in 0..1. For multi-label tasks, fraction of correct
            labels.
        low: Lower end of the confidence interval; None if there are fewer than two groups.
        high: Upper end of the confidence interval; None if there are fewer than two groups.
        confidence: Confidence level of the interval, in (0, 1).
    """

    n: int
    n_groups: int | None
    accuracy: float
    low: float | None
    high: float | None
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Return all attributes as a mapping that JSON can represent."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """Difference in accuracy from a baseline on the same samples.

    In a task without classes, it is the difference in mean absolute error, in the units of the
    targets.

    Attributes:
        baseline: Accuracy of the baseline, in 0..1.
        delta: Accuracy of the model minus accuracy of the baseline, in -1..1.
        low: Lower end of the confidence interval of the difference. None if there are fewer than
            two groups, or if the difference is the same in all groups.
        high: Upper end of the confidence interval of the difference; None as `low`.
        p: Two-sided p-value of the paired test, in 0..1.
    """

    baseline: float
    delta: float
    low: float | None
    high: float | None
    p: float

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a mapping that JSON can represent.

        The keys of `low` and `high` are `delta_low` and `delta_high`.
        """
        return {
            "baseline": self.baseline,
            "delta": self.delta,
            "delta_low": self.low,
            "delta_high": self.high,
            "p": self.p,
        }


@dataclass(frozen=True)
class GroupAccuracy:
    """Accuracy on the samples of one group.

    Attributes:
        group: Name of the patient, subject or recording.
        n: Number of its samples.
        accuracy: Fraction of correct decisions, in 0..1.
    """

    group: str
    n: int
    accuracy: float


def join_json(accuracy: Accuracy | None, difference: Difference | None) -> dict[str, Any] | None:
    """Join an accuracy and its difference in one mapping for JSON; None without an accuracy."""
    if accuracy is None:
        return None
    return {**accuracy.to_json(), **({} if difference is None else difference.to_json())}


def measure_accuracy(predictions: Predictions, confidence: float) -> Accuracy:
    """Measure the accuracy of predictions, with an interval.

    See `statistics.compute_accuracy_interval` for the interval.
    """
    correct, group = predictions.compute_correctness(), predictions.group
    low, high = compute_accuracy_interval(correct, group, confidence)
    n_groups = None if group is None else len(np.unique(group))
    return Accuracy(len(correct), n_groups, float(correct.mean()), low, high, confidence)


def measure_difference(
    predictions: Predictions, baseline: Predictions, confidence: float
) -> Difference:
    """Compare predictions with those of a baseline for the same samples.

    In a task without classes, errors are compared instead of accuracies.

    See `statistics.compute_difference_interval` for the interval and `statistics.compute_paired_p`
    for the test.
    """
    values, reference = (
        part.compute_correctness() if part.has_classes else part.compute_errors()
        for part in (predictions, baseline)
    )
    # The statistics take fractions and ignore differences that are small against 1.
    scale = 1.0 if predictions.has_classes else float(max(values.max(), reference.max())) or 1.0
    scaled = values / scale, reference / scale, predictions.group
    low, high = compute_difference_interval(*scaled, confidence)
    return Difference(
        baseline=float(reference.mean()),
        delta=float(values.mean() - reference.mean()),
        low=None if low is None else scale * low,
        high=None if high is None else scale * high,
        p=compute_paired_p(*scaled),
    )


def accuracy_by_group(predictions: Predictions) -> tuple[GroupAccuracy, ...]:
    """Measure the accuracy of each group, in the order of their names; none without groups."""
    if predictions.group is None:
        return ()
    correct = predictions.compute_correctness()
    parts = []
    for name in np.unique(predictions.group):
        inside = correct[predictions.group == name]
        parts.append(GroupAccuracy(str(name), len(inside), float(inside.mean())))
    return tuple(parts)
