"""Score a cell: compute its row of the results from its predictions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.predictions import Predictions
from snugnet.evaluation.accuracy import (
    Accuracy,
    Difference,
    GroupAccuracy,
    accuracy_by_group,
    measure_accuracy,
    measure_difference,
)
from snugnet.evaluation.errors import Errors, measure_errors
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
from snugnet.models.stats_record import ModelStats


@dataclass(frozen=True)
class DecisionMeasures:
    """Accuracy and the other metrics of a cell, in a task with classes.

    Attributes:
        accuracy: Accuracy with its confidence interval.
        metrics: All metrics by name, see `compute_metrics`.
        auc: Confidence interval of the macro AUC.
        confusion: Confusion matrix, see `compute_confusion_matrix`.
        by_group: Accuracy of each group; empty without groups.
        decisions_changed: Number of samples for which a decision differs from that of the float32
            cell.
    """

    accuracy: Accuracy
    metrics: Mapping[str, float | None]
    auc: Interval
    confusion: list[Any]
    by_group: tuple[GroupAccuracy, ...]
    decisions_changed: int

    def to_json(self) -> dict[str, Any]:
        """Return the values by column."""
        return {
            "n": self.accuracy.n,
            "n_groups": self.accuracy.n_groups,
            **self.metrics,
            "auc_low": self.auc.low,
            "auc_high": self.auc.high,
            "accuracy_low": self.accuracy.low,
            "accuracy_high": self.accuracy.high,
            "confusion": self.confusion,
            "by_group": [asdict(group) for group in self.by_group],
            "decisions_changed": self.decisions_changed,
        }


@dataclass(frozen=True)
class ErrorMeasures:
    """Errors of a cell, in a task without classes.

    Attributes:
        errors: Errors with their confidence intervals.
    """

    errors: Errors

    def to_json(self) -> dict[str, Any]:
        """Return the values by column."""
        errors = self.errors
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


@dataclass(frozen=True)
class Latency:
    """Latency of one sample, in microseconds; None if it was not measured.

    Attributes:
        median_us: Median over the samples.
        p95_us: 95th percentile over the samples.
    """

    median_us: float | None
    p95_us: float | None


@dataclass(frozen=True)
class CellScore:
    """Results of a cell that do not depend on other rows of metrics.csv.

    Attributes:
        task: One of `core.tasks.Task`.
        measures: Accuracy and other metrics, or errors.
        float_difference: Difference from the float32 cell of the same network.
        parent_difference: Difference from the parent; None without a parent.
        step_difference: Difference from the scheme before the quantization step; None if the study
            has no such cell.
        stats: Size of the Keras model.
        footprint: Description of the deployed file.
        latency: Latency of the deployed file.
        class_names: Class names in the order of the outputs.
    """

    task: str
    measures: DecisionMeasures | ErrorMeasures
    float_difference: Difference
    parent_difference: Difference | None
    step_difference: Difference | None
    stats: ModelStats
    footprint: Footprint
    latency: Latency
    class_names: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the values by column of metrics.csv, the confusion matrix and the groups."""
        return {
            "status": "ok",
            "reason": None,
            "task": self.task,
            **self.measures.to_json(),
            **_list_columns("float", self.float_difference),
            **_list_columns("parent", self.parent_difference),
            **_list_columns("step", self.step_difference),
            "parameters": self.stats.parameters,
            "nonzero": self.stats.nonzero,
            "macs": self.stats.macs,
            "model_zeros": self.stats.zeros,
            # The footprint of an Akida program has its own reason, and its own counts of zeros.
            **self.footprint.to_json(),
            "latency_us_median": self.latency.median_us,
            "latency_us_p95": self.latency.p95_us,
            "class_names": list(self.class_names),
        }


@dataclass(frozen=True)
class IncompatibleCell:
    """A cell whose model cannot be converted.

    Attributes:
        reason: Why the model cannot be converted.
        task: One of `core.tasks.Task`.
        class_names: Class names in the order of the outputs.
    """

    reason: str
    task: str
    class_names: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the values by column of metrics.csv."""
        return {
            "status": "incompatible",
            "reason": self.reason,
            "task": self.task,
            "n": 0,
            "class_names": list(self.class_names),
        }


def score_cell(
    predictions: Predictions,
    reference: Predictions,
    parent: Predictions | None,
    previous_step: Predictions | None,
    stats: ModelStats,
    footprint: Footprint,
    confidence: float,
) -> CellScore:
    """Score a cell and compare it with other cells on the same samples.

    Args:
        predictions: Predictions of the cell.
        reference: Predictions of the float32 cell of the same network.
        parent: Predictions of the parent variant with the same scheme. The parent of a QAT variant
            is the variant that was quantized with PTQ. None if there is no parent.
        previous_step: Predictions for the scheme before the quantization step to this scheme
            (`core.quantization_steps`). None if the study has no such cell.
        stats: Size of the Keras model.
        footprint: Description of the deployed file.
        confidence: Confidence level of the intervals, in (0, 1).

    Raises:
        InputError: If the predictions are for different samples.
    """
    if parent is not None and not len(parent.labels):
        parent = None  # an Akida program that does not exist
    compared_cells = {
        "float reference": reference,
        "parent": parent,
        "previous quantization step": previous_step,
    }
    for name, compared in compared_cells.items():
        if compared is not None and not np.array_equal(predictions.labels, compared.labels):
            raise InputError(
                f"predictions of the cell and its {name} are for different samples; delete both"
            )
    return CellScore(
        task=predictions.task,
        measures=_measure(predictions, reference, confidence),
        float_difference=measure_difference(predictions, reference, confidence),
        parent_difference=_compare(predictions, parent, confidence),
        step_difference=_compare(predictions, previous_step, confidence),
        stats=stats,
        footprint=footprint,
        latency=_summarize_latency(predictions.latency_ns),
        class_names=predictions.class_names,
    )


def describe_incompatible_cell(predictions: Predictions, reason: str) -> IncompatibleCell:
    """Describe a cell whose model cannot be converted.

    Args:
        predictions: Predictions of no samples, with the task and the class names.
        reason: Why the model cannot be converted.
    """
    return IncompatibleCell(reason, predictions.task, predictions.class_names)


def _measure(
    predictions: Predictions, reference: Predictions, confidence: float
) -> DecisionMeasures | ErrorMeasures:
    """Measure accuracy and the other metrics, or errors if the task has no classes."""
    if not predictions.has_classes:
        return ErrorMeasures(measure_errors(predictions, confidence))
    return DecisionMeasures(
        accuracy=measure_accuracy(predictions, confidence),
        metrics=compute_metrics(predictions),
        auc=_compute_auc_interval(predictions, confidence),
        confusion=compute_confusion_matrix(predictions),
        by_group=accuracy_by_group(predictions),
        decisions_changed=_count_changed_decisions(predictions, reference),
    )


def _compute_auc_interval(predictions: Predictions, confidence: float) -> Interval:
    predictions = predictions.split_positions()
    truth, scores = select_roc_labels(predictions)
    if truth.shape[1] == 0:
        return Interval(None, None)
    return compute_auc_interval(truth, scores, predictions.group, confidence)


def _compare(
    predictions: Predictions, compared: Predictions | None, confidence: float
) -> Difference | None:
    """Compare with another cell on the same samples; None without another cell."""
    return None if compared is None else measure_difference(predictions, compared, confidence)


def _list_columns(name: str, difference: Difference | None) -> dict[str, float | None]:
    """Return the columns of a difference.

    Args:
        name: Part of the names of the columns: `float`, `parent` or `step`.
        difference: The difference; None leaves the columns empty.
    """
    columns = (f"delta_{name}", f"delta_{name}_low", f"delta_{name}_high", f"p_{name}")
    if difference is None:
        return dict.fromkeys(columns)
    values = (difference.delta, difference.low, difference.high, difference.p)
    return dict(zip(columns, values, strict=True))


def _count_changed_decisions(predictions: Predictions, reference: Predictions) -> int:
    """Count the samples for which a decision differs from that of the float32 cell."""
    differs = predictions.decide() != reference.decide()
    return int(differs.reshape(len(differs), -1).any(axis=1).sum())


def _summarize_latency(nanoseconds: np.ndarray) -> Latency:
    """Compute the median and the 95th percentile in microseconds."""
    if len(nanoseconds) == 0:
        return Latency(None, None)
    median, p95 = np.percentile(nanoseconds, (50, 95)) / 1000
    return Latency(round(float(median), 2), round(float(p95), 2))
