"""From predictions to one row of the results."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.predictions import Predictions
from snugnet.evaluation.metrics import (
    compute_confusion_matrix,
    compute_metrics,
    select_roc_labels,
)
from snugnet.evaluation.statistics import (
    Interval,
    accuracy_interval,
    auc_interval,
    difference_interval,
    paired_p,
)


def score(
    predictions: Predictions,
    reference: Predictions,
    parent: Predictions | None,
    previous_step: Predictions | None,
    size: Mapping[str, Any],
    deployed: Mapping[str, Any],
    confidence: float,
) -> dict[str, Any]:
    """Judge a cell.

    Args:
        predictions: Of the cell.
        reference: Of the float32 cell of the same network, on the same samples.
        parent: Of the same scheme of the variant that this one was made from; for a model trained
            with quantizers that is its counterpart quantized after training. None without parent.
        previous_step: Predictions for the scheme before the quantization step to this scheme
            (`core.quantization_steps`). None if the study has no such cell.
        size: `parameters`, `nonzero`, `macs` and `zeros` of the Keras model.
        deployed: Columns that describe what is deployed, by a function of `analysis.deployed`.
        confidence: Of the interval.

    Returns:
        The columns of one row of metrics.csv that do not depend on other rows, and `confusion`.

    Raises:
        InputError: If they were not predicted for the same samples.
    """
    others = (
        ("float reference", reference),
        ("parent", parent),
        ("previous quantization step", previous_step),
    )
    for name, other in others:
        if other is not None and not np.array_equal(predictions.labels, other.labels):
            raise InputError(
                f"predictions of the cell and its {name} are for different samples; delete both"
            )
    correct = predictions.compute_correctness()
    group = predictions.group
    measures = compute_metrics(predictions)
    low, high = accuracy_interval(correct, group, confidence)
    auc = _auc_interval(predictions, confidence)
    return {
        "status": "ok",
        "reason": None,
        "task": predictions.task,
        "n": len(correct),
        **measures,
        "auc_low": auc.low,
        "auc_high": auc.high,
        "n_groups": None if group is None else len(np.unique(group)),
        "accuracy_low": low,
        "accuracy_high": high,
        **_difference("float", predictions, reference, confidence),
        **_difference("parent", predictions, parent, confidence),
        **_difference("rung", predictions, previous_step, confidence),
        "decisions_changed": int(_changed(predictions, reference)),
        **{name: size[name] for name in ("parameters", "nonzero", "macs")},
        "model_zeros": size["zeros"],
        **deployed,
        **_latency(predictions.latency_ns),
        "confusion": compute_confusion_matrix(predictions),
        "class_names": list(predictions.class_names),
    }


def incompatible(predictions: Predictions, reason: str) -> dict[str, Any]:
    """Give the row of a cell that cannot be.

    Args:
        predictions: None of them; they say the task and the classes.
        reason: Why it cannot be.
    """
    return {
        "status": "incompatible",
        "reason": reason,
        "task": predictions.task,
        "n": 0,
        "class_names": list(predictions.class_names),
    }


def _auc_interval(predictions: Predictions, confidence: float) -> Interval:
    truth, scores = select_roc_labels(predictions)
    if truth.shape[1] == 0:
        return Interval(None, None)
    return auc_interval(truth, scores, predictions.group, confidence)


def _difference(
    name: str, predictions: Predictions, other: Predictions | None, confidence: float
) -> dict[str, float | None]:
    """Compare with another cell on the same samples."""
    if other is None:
        columns = (f"delta_{name}", f"delta_{name}_low", f"delta_{name}_high", f"p_{name}")
        return dict.fromkeys(columns)
    ours, theirs = predictions.compute_correctness(), other.compute_correctness()
    low, high = difference_interval(ours, theirs, predictions.group, confidence)
    return {
        f"delta_{name}": float(ours.mean() - theirs.mean()),
        f"delta_{name}_low": low,
        f"delta_{name}_high": high,
        f"p_{name}": paired_p(ours, theirs, predictions.group),
    }


def _changed(predictions: Predictions, reference: Predictions) -> int:
    """Count the samples of which any decision differs from float's."""
    differs = predictions.decide() != reference.decide()
    return int(differs.any(axis=1).sum() if differs.ndim == 2 else differs.sum())


def _latency(nanoseconds: np.ndarray) -> dict[str, float | None]:
    """Median and 95th percentile in microseconds."""
    if len(nanoseconds) == 0:
        return {"latency_us_median": None, "latency_us_p95": None}
    median, p95 = np.percentile(nanoseconds, (50, 95)) / 1000
    return {"latency_us_median": round(float(median), 2), "latency_us_p95": round(float(p95), 2)}
