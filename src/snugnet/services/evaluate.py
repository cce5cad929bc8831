"""Evaluate a model on test samples, and compare two models on the same samples."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.predictions import Predictions
from snugnet.core.samples import Samples
from snugnet.evaluation.accuracy import (
    Accuracy,
    Difference,
    GroupAccuracy,
    accuracy_by_group,
    measure_accuracy,
    measure_difference,
)
from snugnet.services import user_data
from snugnet.services.html_table import html_table
from snugnet.services.model_files import name_of, tflite_file


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Quality of a model on test samples.

    In a notebook, it is shown as a table.

    Attributes:
        model: Path or name of the model.
        task: `multiclass`, `multilabel` or `binary`.
        accuracy: Accuracy with its confidence interval.
        measures: Metrics by name, for example `precision`, `recall`, `f1` and `auc_macro`. None for
            a metric that is not defined for these samples.
        confusion: Confusion matrix as nested lists of counts, (classes, classes): rows are true
            classes, columns are predicted classes. For multi-label tasks, (labels, 2, 2): one
            matrix for each label.
        by_group: Accuracy of each group; empty without groups.
    """

    model: str
    task: str
    accuracy: Accuracy
    measures: dict[str, float | None] = field(repr=False)
    confusion: list[Any] = field(repr=False)
    by_group: tuple[GroupAccuracy, ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return all attributes as a mapping that JSON can represent."""
        return asdict(self)

    def summary(self) -> dict[str, str]:
        """Return the rows of the table that a notebook shows: heading and text."""
        accuracy = self.accuracy
        groups = "" if accuracy.n_groups is None else f" of {accuracy.n_groups} groups"
        rows = {
            "model": self.model,
            "accuracy": describe_accuracy(accuracy),
            "samples": f"{accuracy.n}{groups}",
        }
        shown = {name: value for name, value in self.measures.items() if name != "accuracy"}
        return rows | {name: f"{value:.4f}" for name, value in shown.items() if value is not None}

    def __repr__(self) -> str:
        return "\n".join(
            ["Evaluation", *(f"  {name}: {value}" for name, value in self.summary().items())]
        )

    def _repr_html_(self) -> str:
        return html_table("Evaluation", self.summary())


@dataclass(frozen=True)
class Comparison:
    """Accuracy of a model and of a baseline on the same samples.

    In a notebook, it is shown as a table.

    Attributes:
        model: Path or name of the model.
        baseline: Path or name of the baseline.
        accuracy: Accuracy of the model with its confidence interval.
        difference: Accuracy of the model minus accuracy of the baseline, with confidence interval
            and p-value.
    """

    model: str
    baseline: str
    accuracy: Accuracy
    difference: Difference

    def to_json(self) -> dict[str, Any]:
        """Return all attributes as a mapping that JSON can represent.

        The interval of the difference has the keys `delta_low` and `delta_high`.
        """
        return {
            "model": self.model,
            "baseline": self.baseline,
            "accuracy": self.accuracy.to_json(),
            "difference": self.difference.to_json(),
        }

    def summary(self) -> dict[str, str]:
        """Return the rows of the table that a notebook shows: heading and text."""
        difference, confidence = self.difference, self.accuracy.confidence
        interval = describe_interval(difference.low, difference.high, confidence)
        groups = "" if self.accuracy.n_groups is None else f" of {self.accuracy.n_groups} groups"
        return {
            "model": f"{self.model}: {describe_accuracy(self.accuracy)}",
            "baseline": f"{self.baseline}: {difference.baseline:.4f}",
            "difference": f"{difference.delta:+.4f}{interval}",
            "p": f"{difference.p:.3g}",
            "samples": f"{self.accuracy.n}{groups}",
        }

    def __repr__(self) -> str:
        return "\n".join(
            ["Comparison", *(f"  {name}: {value}" for name, value in self.summary().items())]
        )

    def _repr_html_(self) -> str:
        return html_table("Comparison", self.summary())


def evaluate(
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None = None,
    confidence: float = 0.95,
) -> Evaluation:
    """Measure the accuracy of a classifier on test samples, with LiteRT.

    Args:
        model: A `QuantizedModel`, a tf_keras model, or the path of a .tflite or Keras file. Keras
            models are converted to float32 TFLite.
        x: Test samples, numbers of shape (n, ...), in the units that the model was trained on.
        y: Labels: integer classes (n,), or 0 and 1 of shape (n, labels).
        groups: Patient, subject or recording of each sample, (n,). Samples of one group are
            related, so the confidence interval is then computed from the accuracies of the groups.
        confidence: Confidence level of the interval, in (0, 1).

    Returns:
        Accuracy with its confidence interval, other metrics, and the confusion matrix. The interval
        is Wilson's (1927). With groups, or several labels per sample, it is Student's t on cluster
        means weighted by size (Cochran 1977, 6.3).

    Raises:
        InputError: If the model or the samples cannot be used.
        OSError: If a file cannot be read.
    """
    from snugnet.evaluation.metrics import compute_confusion_matrix, compute_metrics

    predictions = predict_samples(model, x, y, groups)
    return Evaluation(
        model=name_of(model),
        task=predictions.task,
        accuracy=measure_accuracy(predictions, confidence),
        measures=compute_metrics(predictions),
        confusion=compute_confusion_matrix(predictions),
        by_group=accuracy_by_group(predictions),
    )


def compare(
    model: Any,
    baseline: Any,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare the accuracy of two classifiers on the same test samples, with a paired test.

    Args:
        model: A `QuantizedModel`, a tf_keras model, or the path of a .tflite or Keras file. Keras
            models are converted to float32 TFLite.
        baseline: Model to compare with, of one of the same kinds.
        x: Test samples, numbers of shape (n, ...), in the units that the models were trained on.
        y: Labels: integer classes (n,), or 0 and 1 of shape (n, labels).
        groups: Patient, subject or recording of each sample, (n,). Intervals and test are then
            computed from the groups, as in `evaluate`.
        confidence: Confidence level of the intervals, in (0, 1).

    Returns:
        Accuracy of the model, and the difference with its confidence interval (Agresti and Min
        2005) and p-value (exact McNemar test). With groups, or several labels per sample, the
        interval is Student's t on the differences of the groups, and the test is a sign-flip
        permutation test.

    Raises:
        InputError: If a model or the samples cannot be used, or the models have different outputs.
        OSError: If a file cannot be read.
    """
    predictions = predict_samples(model, x, y, groups)
    reference = predict_samples(baseline, x, y, groups)
    if reference.scores.shape != predictions.scores.shape:
        raise InputError(
            f"{name_of(baseline)} has outputs of shape {reference.scores.shape[1:]}, but "
            f"{name_of(model)} has {predictions.scores.shape[1:]}. Compare models with the same "
            "classes."
        )
    return Comparison(
        model=name_of(model),
        baseline=name_of(baseline),
        accuracy=measure_accuracy(predictions, confidence),
        difference=measure_difference(predictions, reference, confidence),
    )


def predict_samples(
    model: Any, x: np.ndarray, y: np.ndarray, groups: np.ndarray | None
) -> Predictions:
    """Predict labelled samples with LiteRT; see `evaluate` for the arguments."""
    from snugnet.tflite.flatbuffer import read_graph

    with tflite_file(model) as path:
        graph = read_graph(path)
        data = user_data.from_arrays(x, y, groups, graph.tensors[graph.inputs[0]].shape[1:])
        outputs = graph.tensors[graph.outputs[0]].shape
        if len(outputs) != 2:
            raise InputError(
                f"{name_of(model)}: the output has shape {list(outputs)}. Only classifiers can be "
                "evaluated."
            )
        samples = user_data.build_labelled_samples(data, outputs[1], "samples")
        return predict_file(path, samples)


def predict_file(path: Path, samples: Samples) -> Predictions:
    """Predict labelled samples with a .tflite file and LiteRT's default kernels."""
    from snugnet.tflite.runtimes.litert import predict

    prediction = predict(path, samples.x)
    return Predictions.from_samples(samples, prediction.scores(), *prediction)


def describe_accuracy(accuracy: Accuracy) -> str:
    """Describe an accuracy and its interval."""
    interval = describe_interval(accuracy.low, accuracy.high, accuracy.confidence)
    return f"{accuracy.accuracy:.4f}{interval}"


def describe_interval(low: float | None, high: float | None, confidence: float) -> str:
    """Describe a confidence interval in parentheses; "" if there is none."""
    if low is None or high is None:
        return ""
    return f" ({100 * confidence:.0f} % CI {low:.4f} to {high:.4f})"
