"""Evaluate a model on test samples, and compare two models on the same samples."""

from dataclasses import asdict, dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.budget import DEFAULT_BUDGET, UNLIMITED, Budget, as_budget
from snugnet.core.errors import InputError
from snugnet.core.predictions import Predictions
from snugnet.core.samples import Samples
from snugnet.core.tasks import ModelEnds, TaskChoice
from snugnet.core.text import describe_groups
from snugnet.evaluation.accuracy import (
    Accuracy,
    Difference,
    GroupAccuracy,
    accuracy_by_group,
    measure_accuracy,
    measure_difference,
)
from snugnet.evaluation.errors import Errors, measure_errors
from snugnet.services import user_data
from snugnet.services.arguments import ArgumentError, check_type
from snugnet.services.labels import build_samples
from snugnet.services.model_files import name_of, tflite_file
from snugnet.services.resources import check_resources
from snugnet.services.result_table import html_table, text_table

# Format of errors, which have the units of the targets.
ERROR_FORMAT = ".4g"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Quality of a model on test samples.

    In a notebook, it is shown as a table.

    Attributes:
        model: Path or name of the model.
        task: `multiclass`, `binary`, `multilabel`, `segmentation`, `regression` or
            `reconstruction`.
        task_reason: How the task was found.
        accuracy: Accuracy with its confidence interval; None in a task without classes.
        errors: Errors with their confidence intervals; None in a task with classes.
        measures: Metrics by name, for example `precision`, `recall`, `f1` and `auc_macro`. None for
            a metric that is not defined for these samples. Empty in a task without classes.
        confusion: Confusion matrix as nested lists of counts, (classes, classes): rows are true
            classes, columns are predicted classes. For multi-label tasks, (labels, 2, 2): one
            matrix for each label. Empty in a task without classes.
        by_group: Accuracy of each group; empty without groups.
    """

    model: str
    task: str
    task_reason: str
    accuracy: Accuracy | None
    errors: Errors | None
    measures: dict[str, float | None] = field(repr=False)
    confusion: list[Any] = field(repr=False)
    by_group: tuple[GroupAccuracy, ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return all attributes as a mapping that JSON can represent."""
        return asdict(self)

    def summary(self) -> dict[str, str]:
        """Return the rows of the table that a notebook shows: heading and text."""
        rows = {"model": self.model, "task": f"{self.task} ({self.task_reason})"}
        if self.accuracy is not None:
            rows["accuracy"] = describe_accuracy(self.accuracy)
        measured = self.accuracy or self.errors
        if self.errors is not None:
            rows |= describe_errors(self.errors)
        assert measured is not None
        rows["samples"] = f"{measured.n}{describe_groups(measured.n_groups)}"
        shown = {name: value for name, value in self.measures.items() if name != "accuracy"}
        return rows | {name: f"{value:.4f}" for name, value in shown.items() if value is not None}

    def __repr__(self) -> str:
        return text_table("Evaluation", self.summary())

    def _repr_html_(self) -> str:
        return html_table("Evaluation", self.summary())


@dataclass(frozen=True)
class Comparison:
    """Accuracy of a model and of a baseline on the same samples.

    In a notebook, it is shown as a table.

    Attributes:
        model: Path or name of the model.
        baseline: Path or name of the baseline.
        accuracy: Accuracy of the model with its confidence interval; None in a task without
            classes.
        errors: Errors of the model with their confidence intervals; None in a task with classes.
        difference: Accuracy, or mean absolute error, of the model minus that of the baseline, with
            confidence interval and p-value.
    """

    model: str
    baseline: str
    accuracy: Accuracy | None
    errors: Errors | None
    difference: Difference

    def to_json(self) -> dict[str, Any]:
        """Return all attributes as a mapping that JSON can represent.

        The interval of the difference has the keys `delta_low` and `delta_high`.
        """
        return {
            "model": self.model,
            "baseline": self.baseline,
            "accuracy": None if self.accuracy is None else self.accuracy.to_json(),
            "errors": None if self.errors is None else self.errors.to_json(),
            "difference": self.difference.to_json(),
        }

    def summary(self) -> dict[str, str]:
        """Return the rows of the table that a notebook shows: heading and text."""
        measured, difference = self.accuracy or self.errors, self.difference
        assert measured is not None
        form = ".4f" if self.errors is None else ERROR_FORMAT
        interval = describe_interval(difference.low, difference.high, measured.confidence, form)
        if self.accuracy is not None:
            quality = describe_accuracy(self.accuracy)
        else:
            assert self.errors is not None
            quality = f"mean absolute error {describe_errors(self.errors)['mean absolute error']}"
        return {
            "model": f"{self.model}: {quality}",
            "baseline": f"{self.baseline}: {difference.baseline:{form}}",
            "difference": f"{difference.delta:+{form}}{interval}",
            "p": f"{difference.p:.3g}",
            "samples": f"{measured.n}{describe_groups(measured.n_groups)}",
        }

    def __repr__(self) -> str:
        return text_table("Comparison", self.summary())

    def _repr_html_(self) -> str:
        return html_table("Comparison", self.summary())


def evaluate(
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None = None,
    confidence: float = 0.95,
    task: str | None = None,
    budget: float | Budget = DEFAULT_BUDGET,
) -> Evaluation:
    """Measure the quality of a model on test samples, with LiteRT.

    Args:
        model: A `QuantizedModel`, a tf_keras model, or the path of a .tflite or Keras file. Keras
            models are converted to float32 TFLite.
        x: Test samples, numbers of shape (n, ...), in the units that the model was trained on.
        y: Labels: integer classes (n,); 0 and 1 of shape (n, labels); classes of each position;
            real targets (n, k); or for an autoencoder 0 for normal and 1 for anomalous samples.
        groups: Patient, subject or recording of each sample, (n,). Samples of one group are
            related, so the confidence interval is then computed from the accuracies of the groups.
        confidence: Confidence level of the interval, in (0, 1).
        task: `multiclass`, `binary`, `multilabel`, `segmentation`, `regression` or
            `reconstruction`; None to find it from the output and the labels.
        budget: Limits on work and memory for a model file, or the factor by which the default
            limits are multiplied.

    Returns:
        Accuracy with its confidence interval, other metrics, and the confusion matrix. The interval
        is Wilson's (1927). With groups, or several labels per sample, it is Student's t on cluster
        means weighted by size (Cochran 1977, 6.3).

    Raises:
        InputError: If the model or the samples cannot be used.
        OSError: If a file cannot be read.
    """
    from snugnet.evaluation.metrics import compute_confusion_matrix, compute_metrics

    _check_confidence(confidence)
    predictions, choice = predict_samples(model, x, y, groups, task, budget)
    has_classes = predictions.has_classes
    return Evaluation(
        model=name_of(model),
        task=predictions.task,
        task_reason=choice.reason,
        accuracy=measure_accuracy(predictions, confidence) if has_classes else None,
        errors=None if has_classes else measure_errors(predictions, confidence),
        measures=compute_metrics(predictions) if has_classes else {},
        confusion=compute_confusion_matrix(predictions) if has_classes else [],
        by_group=accuracy_by_group(predictions) if has_classes else (),
    )


def compare(
    model: Any,
    baseline: Any,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None = None,
    confidence: float = 0.95,
    task: str | None = None,
    budget: float | Budget = DEFAULT_BUDGET,
) -> Comparison:
    """Compare the quality of two models on the same test samples, with a paired test.

    Args:
        model: A `QuantizedModel`, a tf_keras model, or the path of a .tflite or Keras file. Keras
            models are converted to float32 TFLite.
        baseline: Model to compare with, of one of the same kinds.
        x: Test samples, numbers of shape (n, ...), in the units that the models were trained on.
        y: Labels, as for `evaluate`.
        groups: Patient, subject or recording of each sample, (n,). Intervals and test are then
            computed from the groups, as in `evaluate`.
        confidence: Confidence level of the intervals, in (0, 1).
        task: The task of both models, as for `evaluate`.
        budget: Limits on work and memory for a model file, or the factor by which the default
            limits are multiplied.

    Returns:
        Accuracy of the model, and the difference with its confidence interval (Agresti and Min
        2005) and p-value (exact McNemar test). With groups, or several labels per sample, the
        interval is Student's t on the differences of the groups, and the test is a sign-flip
        permutation test.

    Raises:
        InputError: If a model or the samples cannot be used, or the models have different outputs.
        OSError: If a file cannot be read.
    """
    _check_confidence(confidence)
    predictions, choice = predict_samples(model, x, y, groups, task, budget)
    reference, _ = predict_samples(baseline, x, y, groups, str(choice.task), budget)
    if reference.scores.shape != predictions.scores.shape:
        raise InputError(
            f"{name_of(baseline)} has outputs of shape {reference.scores.shape[1:]}, but "
            f"{name_of(model)} has {predictions.scores.shape[1:]}. Compare models with the same "
            "classes."
        )
    return Comparison(
        model=name_of(model),
        baseline=name_of(baseline),
        accuracy=measure_accuracy(predictions, confidence) if predictions.has_classes else None,
        errors=None if predictions.has_classes else measure_errors(predictions, confidence),
        difference=measure_difference(predictions, reference, confidence),
    )


def _check_confidence(confidence: Any) -> None:
    """Check that a confidence level is a number between 0 and 1.

    Raises:
        ArgumentError: If it is not.
    """
    expected = "a number between 0 and 1"
    check_type("confidence", confidence, Real, expected)
    if not 0 < confidence < 1:
        raise ArgumentError("confidence", None, f"expected {expected}, got {confidence}.")


def predict_samples(
    model: Any,
    x: Any,
    y: np.ndarray,
    groups: np.ndarray | None,
    task: str | None = None,
    budget: float | Budget = DEFAULT_BUDGET,
) -> tuple[Predictions, TaskChoice]:
    """Predict labelled samples with LiteRT.

    Args:
        model: A model, as for `evaluate`.
        x: Samples, numbers of shape (n, ...).
        y: Labels, as for `evaluate`.
        groups: Group of each sample, (n,), or None.
        task: The task; None to find it.
        budget: Limits, as for `evaluate`.

    Returns:
        The predictions, and the task.

    Raises:
        InputError: If the model or the samples cannot be used.
        OSError: If a file cannot be read.
    """
    from snugnet.tflite.flatbuffer import read_graph

    check_type("task", task, str | None, "the name of a task")
    with tflite_file(model, budget=as_budget(budget)) as path:
        graph = read_graph(path)
        if str(path) == str(model):  # a Keras model was checked when it was converted
            check_resources(path, graph, 1, as_budget(budget))
        ends = ModelEnds.of_graph(graph)
        data = user_data.from_arrays(x, y, groups, inputs=ends.inputs)
        samples, choice = build_samples(data, ends, "samples", task)
        return predict_file(path, samples, as_budget(budget)), choice


def predict_file(path: Path, samples: Samples, budget: Budget = UNLIMITED) -> Predictions:
    """Predict labelled samples with a .tflite file and LiteRT's default kernels.

    Raises:
        InputError: If LiteRT cannot run the file.
        BudgetError: If it needs more memory than the budget allows.
    """
    from snugnet.tflite.runtimes.isolated import predict

    prediction = predict(path, samples.x, budget)
    return Predictions.from_samples(samples, prediction.scores(), *prediction)


def describe_accuracy(accuracy: Accuracy) -> str:
    """Describe an accuracy and its interval."""
    interval = describe_interval(accuracy.low, accuracy.high, accuracy.confidence)
    return f"{accuracy.accuracy:.4f}{interval}"


def describe_errors(errors: Errors) -> dict[str, str]:
    """Describe errors and their intervals, by name."""
    estimates = {
        "mean absolute error": errors.mae,
        "RMSE": errors.rmse,
        "R²": errors.r2,
        "AUC of the error": errors.auc,
    }
    texts = {}
    for name, entry in estimates.items():
        if entry.value is not None:
            interval = describe_interval(entry.low, entry.high, errors.confidence, ERROR_FORMAT)
            texts[name] = f"{entry.value:{ERROR_FORMAT}}{interval}"
    return texts


def describe_interval(
    low: float | None, high: float | None, confidence: float, form: str = ".4f"
) -> str:
    """Describe a confidence interval in parentheses; "" if there is none.

    Args:
        low: Lower end.
        high: Upper end.
        confidence: Confidence level, in (0, 1).
        form: Format of the ends.
    """
    if low is None or high is None:
        return ""
    return f" ({100 * confidence:.0f} % CI {low:{form}} to {high:{form}})"
