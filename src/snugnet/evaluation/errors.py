"""Errors of predictions in tasks without classes: regression and reconstruction."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snugnet.core.predictions import Predictions
from snugnet.core.tasks import Task
from snugnet.evaluation.statistics import (
    Interval,
    compute_auc_interval,
    compute_jackknife_interval,
    compute_mean_interval,
)

# Smallest spread of the targets, relative to the sum of their squares.
SPREAD_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A metric with its confidence interval.

    Attributes:
        value: The metric; None if these samples do not define it.
        low: Lower end of the confidence interval; None if there are fewer than two groups.
        high: Upper end of the confidence interval; None as `low`.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Errors:
    """Errors of a model on test samples, in a task without classes.

    Attributes:
        n: Number of samples.
        n_groups: Number of groups; None if the samples have no groups.
        confidence: Confidence level of the intervals, in (0, 1).
        mae: Mean absolute error, in the units of the targets; of the input, for reconstruction.
        rmse: Root mean squared error, in the same units.
        r2: Coefficient of determination, at most 1, averaged over the targets.
        auc: Area under the ROC curve of the reconstruction error as a score of anomaly, in 0..1;
            its value is None without labels.
    """

    n: int
    n_groups: int | None
    confidence: float
    mae: Estimate
    rmse: Estimate
    r2: Estimate
    auc: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return all attributes as a mapping that JSON can represent."""
        return asdict(self)


def measure_errors(predictions: Predictions, confidence: float) -> Errors:
    """Measure the errors of predictions, with intervals.

    The interval of the MAE is Student's t on cluster means; those of RMSE and R2 are Student's t on
    pseudo-values of the jackknife (Tukey 1958) that leaves out one cluster at a time. A cluster is
    a group; without groups it is a sample.

    Args:
        predictions: Predictions of a regression or a reconstruction.
        confidence: Confidence level of the intervals, in (0, 1).
    """
    errors, group = predictions.compute_errors(), predictions.group
    outputs = predictions.scores.reshape(len(errors), -1).astype(np.float64)
    targets = predictions.labels.reshape(outputs.shape).astype(np.float64)
    is_reconstruction = predictions.task == Task.RECONSTRUCTION
    centre = np.asarray(targets.mean() if is_reconstruction else targets.mean(axis=0))
    parts = _sum_parts(outputs, targets, centre)
    if is_reconstruction:  # thousands of values, all of one kind
        parts = parts.reshape(len(parts), 4, -1).sum(axis=2)
    return Errors(
        n=len(errors),
        n_groups=None if group is None else len(np.unique(group)),
        confidence=confidence,
        mae=_estimate(float(errors.mean()), compute_mean_interval(errors, group, confidence), 0.0),
        rmse=_estimate(
            float(_rmse(parts.sum(axis=0))),
            compute_jackknife_interval(parts, group, _rmse, confidence),
            low=0.0,
        ),
        r2=_estimate(
            float(_r2(parts.sum(axis=0))),
            compute_jackknife_interval(parts, group, _r2, confidence),
            high=1.0,
        ),
        auc=_measure_auc(predictions, errors, confidence),
    )


def compute_sqnr(outputs: np.ndarray, reference: np.ndarray) -> float | None:
    """Compute the signal-to-quantization-noise ratio of outputs against those of a float model.

    Args:
        outputs: Outputs of the quantized model, real numbers.
        reference: Outputs of the float model, of the same shape.

    Returns:
        10 log10(sum of reference^2 / sum of (outputs - reference)^2), in dB; None if the outputs
        are equal or the reference is 0.
    """
    signal = float(np.square(reference, dtype=np.float64).sum())
    noise = float(np.square(outputs - reference, dtype=np.float64).sum())
    return float(10 * np.log10(signal / noise)) if signal > 0 and noise > 0 else None


def _estimate(
    value: float, interval: Interval, low: float = -np.inf, high: float = np.inf
) -> Estimate:
    """Make an estimate; the ends of its interval stay in the possible range."""
    if not np.isfinite(value):
        return Estimate(None)
    if interval.low is None or interval.high is None:
        return Estimate(value)
    return Estimate(value, float(max(low, interval.low)), float(min(high, interval.high)))


def _sum_parts(outputs: np.ndarray, targets: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return what RMSE and R2 are computed from, for each sample: (n, 4 k).

    For each of k targets: 1, target, target^2 and squared error.
    """
    # Centred, because the spread is the difference of two sums.
    targets, outputs = targets - centre, outputs - centre
    ones = np.ones_like(targets)
    return np.concatenate([ones, targets, targets**2, (outputs - targets) ** 2], axis=1)


def _rmse(sums: np.ndarray) -> np.ndarray:
    """Compute the RMSE from sums of parts, (..., 4 k)."""
    count, _, _, squares = np.split(sums, 4, axis=-1)
    result: np.ndarray = np.sqrt(squares.sum(axis=-1) / count.sum(axis=-1))
    return result


def _r2(sums: np.ndarray) -> np.ndarray:
    """Compute the mean R2 of all targets from sums of parts, (..., 4 k)."""
    count, total, total_squares, squares = np.split(sums, 4, axis=-1)
    spread = total_squares - total**2 / count
    # Rounding errors of a constant target are no spread.
    spread = np.where(spread > SPREAD_TOLERANCE * total_squares, spread, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: np.ndarray = (1 - squares / spread).mean(axis=-1)
    return result


def _measure_auc(predictions: Predictions, errors: np.ndarray, confidence: float) -> Estimate:
    is_anomalous = predictions.anomaly.astype(bool)
    if predictions.task != Task.RECONSTRUCTION or not len(is_anomalous):
        return Estimate(None)
    if is_anomalous.all() or not is_anomalous.any():
        return Estimate(None)
    from sklearn.metrics import roc_auc_score

    truth, scores = is_anomalous[:, np.newaxis], errors[:, np.newaxis]
    interval = compute_auc_interval(truth, scores, predictions.group, confidence)
    return Estimate(float(roc_auc_score(is_anomalous, errors)), interval.low, interval.high)
