"""Score a cell: compute its row of the results from its predictions."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.predictions import Predictions
from snugnet.evaluation.accuracy import accuracy_by_group, measure_accuracy, measure_difference
from snugnet.evaluation.errors import measure_errors
from snugnet.evaluation.footprint import Footprint
from snugnet.evaluation.metrics import (
    compute_confusion_matrix,
    compute_metrics,
    select_roc_labels,
)
from snugnet.evaluation.statistics import (
    Interval,
    compute_auc_interval,
)


def score_cell(
    predictions: Predictions,
    reference: Predictions,
    parent: Predictions | None,
    previous_step: Predictions | None,
    size: Mapping[str, Any],
    footprint: Footprint,
    confidence: float,
) -> dict[str, Any]:
    """Score a cell and compare it with other cells on the same samples.

    Args:
        predictions: Predictions of the cell.
        reference: Predictions of the float32 cell of the same network.
        parent: Predictions of the parent variant with the same scheme. The parent of a QAT variant
            is the variant that was quantized with PTQ. None if there is no parent.
        previous_step: Predictions for the scheme before the quantization step to this scheme
            (`core.quantization_steps`). None if the study has no such cell.
        size: `parameters`, `nonzero`, `macs` and `zeros` of the Keras model.
        footprint: Description of the deployed file.
        confidence: Confidence level of the intervals, in (0, 1).

    Returns:
        The columns of one row of metrics.csv that do not depend on other rows, `confusion`, and
        `by_group`: the accuracy of each group.

    Raises:
        InputError: If the predictions are for different samples.
    """
    if parent is not None and not len(parent.labels):
        parent = None  # an Akida program that does not exist
    compared_cells = (
        ("float reference", reference),
        ("parent", parent),
        ("previous quantization step", previous_step),
    )
    for name, compared in compared_cells:
        if compared is not None and not np.array_equal(predictions.labels, compared.labels):
            raise InputError(
                f"predictions of the cell and its {name} are for different samples; delete both"
            )
    if predictions.has_classes:
        measures = _measure_decisions(predictions, confidence)
        measures["decisions_changed"] = _count_changed_decisions(predictions, reference)
    else:
        measures = _measure_errors(predictions, confidence)
    return {
        "status": "ok",
        "reason": None,
        "task": predictions.task,
        **measures,
        **_compare_accuracy("float", predictions, reference, confidence),
        **_compare_accuracy("parent", predictions, parent, confidence),
        **_compare_accuracy("step", predictions, previous_step, confidence),
        **{name: size[name] for name in ("parameters", "nonzero", "macs")},
        "model_zeros": size["zeros"],
        **footprint.to_json(),
        **_summarize_latency(predictions.latency_ns),
        "class_names": list(predictions.class_names),
    }


def _measure_decisions(predictions: Predictions, confidence: float) -> dict[str, Any]:
    """Measure accuracy and the other metrics of a task with classes, by column."""
    accuracy = measure_accuracy(predictions, confidence)
    auc = _compute_auc_interval(predictions, confidence)
    return {
        "n": accuracy.n,
        "n_groups": accuracy.n_groups,
        **compute_metrics(predictions),
        "auc_low": auc.low,
        "auc_high": auc.high,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "confusion": compute_confusion_matrix(predictions),
        "by_group": [asdict(group) for group in accuracy_by_group(predictions)],
    }


def _measure_errors(predictions: Predictions, confidence: float) -> dict[str, Any]:
    """Measure the errors of a task without classes, by column."""
    errors = measure_errors(predictions, confidence)
    return {
        "n": errors.n,
        "n_groups": errors.n_groups,
        "mae": errors.mae.value,
        "mae_low": errors.mae.low,
        "mae_high": errors.mae.high,
        "rmse": errors.rmse.value,
        "r2": errors.r2.value,
        "auc_macro": errors.auc.value,
        "auc_low": errors.auc.low,
        "auc_high": errors.auc.high,
    }


def describe_incompatible_cell(predictions: Predictions, reason: str) -> dict[str, Any]:
    """Return the row of a cell whose model cannot be converted.

    Args:
        predictions: Predictions of no samples, with the task and the class names.
        reason: Why the model cannot be converted.
    """
    return {
        "status": "incompatible",
        "reason": reason,
        "task": predictions.task,
        "n": 0,
        "class_names": list(predictions.class_names),
    }


def _compute_auc_interval(predictions: Predictions, confidence: float) -> Interval:
    predictions = predictions.split_positions()
    truth, scores = select_roc_labels(predictions)
    if truth.shape[1] == 0:
        return Interval(None, None)
    return compute_auc_interval(truth, scores, predictions.group, confidence)


def _compare_accuracy(
    name: str, predictions: Predictions, compared: Predictions | None, confidence: float
) -> dict[str, float | None]:
    """Compare the accuracy with that of another cell on the same samples.

    Args:
        name: Part of the names of the columns: `float`, `parent` or `step`.
        predictions: Predictions of the cell.
        compared: Predictions of the other cell; None leaves the columns empty.
        confidence: Confidence level of the interval, in (0, 1).
    """
    if compared is None:
        columns = (f"delta_{name}", f"delta_{name}_low", f"delta_{name}_high", f"p_{name}")
        return dict.fromkeys(columns)
    difference = measure_difference(predictions, compared, confidence)
    return {
        f"delta_{name}": difference.delta,
        f"delta_{name}_low": difference.low,
        f"delta_{name}_high": difference.high,
        f"p_{name}": difference.p,
    }


def _count_changed_decisions(predictions: Predictions, reference: Predictions) -> int:
    """Count the samples for which a decision differs from that of the float32 cell."""
    differs = predictions.decide() != reference.decide()
    return int(differs.reshape(len(differs), -1).any(axis=1).sum())


def _summarize_latency(nanoseconds: np.ndarray) -> dict[str, float | None]:
    """Compute the median and the 95th percentile in microseconds."""
    if len(nanoseconds) == 0:
        return {"latency_us_median": None, "latency_us_p95": None}
    median, p95 = np.percentile(nanoseconds, (50, 95)) / 1000
    return {"latency_us_median": round(float(median), 2), "latency_us_p95": round(float(p95), 2)}
