"""Outputs, decisions and accuracy of a model on samples, ready for a command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snugnet.core.affine import dequantize
from snugnet.core.decisions import decide
from snugnet.core.errors import InputError
from snugnet.core.input_range import measure_saturation
from snugnet.core.inputs import split_inputs
from snugnet.core.labels import are_inputs, convert_labels
from snugnet.core.tasks import ModelEnds, Task, TaskChoice, choose_task
from snugnet.int8.engine import Model


@dataclass(frozen=True)
class ClassificationReport:
    """Outputs of a model with one output, and the decisions that follow from them.

    Attributes:
        raw: Raw outputs of each sample, as nested lists.
        decision: Class of each sample; a list of 0 and 1, one for each label; a list of classes,
            one for each position; or real outputs, in a task without classes.
        task: The assumed task, and how it was found.
        accuracy: Share of correct decisions, in 0..1; None without labels, or in a task without
            classes.
        error: Mean absolute error, in the units of the targets; None likewise.
        auc: Area under the ROC curve of a sample's error as a score of anomaly, in 0..1, for
            reconstruction; None if the labels do not mark normal and anomalous samples.
        saturation: Share of the input values outside of the calibrated range, in 0..1; None if
            samples are raw or the input is not quantized.
        used: Name of the array or column of the data that is used for each role.
        reason: Why the labels could not be used; None if they could, or if there are none.
    """

    raw: list[Any]
    decision: list[Any]
    task: TaskChoice
    accuracy: float | None = None
    error: float | None = None
    auc: float | None = None
    saturation: float | None = None
    used: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON; what was not measured is left out."""
        optional: dict[str, Any] = {
            "accuracy": self.accuracy,
            "error": self.error,
            "auc": self.auc,
            "reason": self.reason,
            "saturation": self.saturation,
            "used": dict(self.used) or None,
        }
        return {
            "raw": self.raw,
            "decision": self.decision,
            "task": str(self.task.task),
            "task_reason": self.task.reason,
            **{name: value for name, value in optional.items() if value is not None},
        }


@dataclass(frozen=True)
class OutputsReport:
    """Outputs of a model with several outputs, for which there are no decisions.

    Attributes:
        outputs: Raw values of each output, as nested lists.
    """

    outputs: list[list[Any]]

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {"outputs": self.outputs}


PredictionReport = ClassificationReport | OutputsReport


def report_predictions(
    model: Model,
    x: np.ndarray,
    labels: np.ndarray | None,
    class_names: tuple[str, ...] = (),
    task: str | None = None,
) -> PredictionReport:
    """Run a model on samples and report its outputs, decisions and accuracy.

    Args:
        model: The model.
        x: Samples, as `Model.predict` takes them.
        labels: Labels as the user has them, or None.
        class_names: Names of the classes in the order of the outputs; () if unknown.
        task: The task; None to find it.

    Returns:
        The report; an `OutputsReport` for a model with several outputs.

    Raises:
        InputError: If the samples do not fit the model, or the task does not.
    """
    raw = model.predict(x)
    if isinstance(raw, list):
        return OutputsReport([output.tolist() for output in raw])
    ends = ModelEnds.of_graph(model.graph)
    is_input = are_inputs(np.asarray(x), labels)
    choice = choose_task(ends, labels, task, is_input)
    port = model.outputs[0]
    # The scale of a tensor without quantization is 0.
    scores = dequantize(raw, port.scale or 1.0, port.zero_point)
    scores = scores.reshape(len(raw) if raw.ndim else 1, *(ends.output_shape or (1,)))
    report = ClassificationReport(raw.tolist(), [], choice)
    x = np.asarray(x)
    if all(array.dtype.kind == "f" for array in split_inputs(x).values()):
        report = replace(report, saturation=measure_saturation(model.graph, x))
    if not choice.task.has_classes:
        report = replace(report, decision=scores.tolist())
    else:
        decisions = decide(scores, choice.task, choice.threshold)
        report = replace(report, decision=decisions.tolist())
    if labels is None:
        return report
    try:
        truth = convert_labels(x, labels, class_names, ends, choice.task, "labels").y
    except InputError as error:
        return replace(report, reason=str(error))
    if choice.task.has_classes:
        return replace(report, accuracy=float(np.mean(decisions == truth)))
    is_reconstruction = choice.task == Task.RECONSTRUCTION
    targets = x.astype(np.float64) if is_reconstruction else truth
    differences = scores.reshape(len(scores), -1) - targets.reshape(len(scores), -1)
    errors = np.abs(differences).mean(axis=1)
    auc = _compute_auc(errors, truth) if is_reconstruction else None
    return replace(report, error=float(errors.mean()), auc=auc)


def _compute_auc(scores: np.ndarray, is_positive: np.ndarray) -> float | None:
    """Compute the area under the ROC curve as the Mann-Whitney statistic (Hanley, McNeil 1982).

    Args:
        scores: Score of each sample, (n,).
        is_positive: 0 or 1 for each sample, (n,); or no elements if that is unknown.
    """
    if not 0 < is_positive.sum() < len(is_positive):
        return None
    negatives = np.sort(scores[is_positive == 0])
    positives = scores[is_positive == 1]
    # A negative sample with the same score counts as half below.
    below = np.searchsorted(negatives, positives, "left")
    not_above = np.searchsorted(negatives, positives, "right")
    return float((below + not_above).mean() / 2 / len(negatives))
