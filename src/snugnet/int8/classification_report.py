"""Outputs, decisions and accuracy of a model on samples, ready for a command line."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snugnet.core.affine import dequantize
from snugnet.core.decisions import decide
from snugnet.core.errors import InputError
from snugnet.int8.engine import Model


@dataclass(frozen=True)
class ClassificationReport:
    """Outputs of a model with one output, and the decisions that follow from them.

    Attributes:
        raw: Raw outputs of each sample, as nested lists.
        decision: Class of each sample, or a list of 0 and 1, one for each label.
        accuracy: Share of correct decisions, in 0..1; None without labels.
    """

    raw: list[Any]
    decision: list[Any]
    accuracy: float | None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON; without labels, it has no accuracy."""
        accuracy = {} if self.accuracy is None else {"accuracy": self.accuracy}
        return {"raw": self.raw, "decision": self.decision, **accuracy}


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


def report_predictions(model: Model, x: np.ndarray, labels: np.ndarray | None) -> PredictionReport:
    """Run a model on samples and report its outputs, decisions and accuracy.

    Args:
        model: The model.
        x: Samples, as `Model.predict` takes them.
        labels: (n,) classes, or (n, k) of 0 and 1, or None.

    Returns:
        The report; an `OutputsReport` for a model with several outputs.

    Raises:
        InputError: If the samples do not fit the model, or if the labels do not fit the output.
    """
    raw = model.predict(x)
    if isinstance(raw, list):
        if labels is not None:
            raise InputError(f"labels require a model with one output, this one has {len(raw)}")
        return OutputsReport([output.tolist() for output in raw])
    rows = raw.reshape(len(raw), -1) if raw.ndim else raw.reshape(1, 1)
    is_multilabel = labels is not None and labels.shape == rows.shape
    decision = _decide(model, rows, is_multilabel)
    accuracy = None
    if labels is not None:
        if labels.shape not in (decision.shape, (len(decision), 1)):
            raise InputError(
                f"labels have shape {list(labels.shape)}; expected one class for each of "
                f"{len(rows)} samples, or {rows.shape[1]} values of 0 or 1 each"
            )
        accuracy = float(np.mean(decision == labels.reshape(decision.shape)))
    return ClassificationReport(raw.tolist(), decision.tolist(), accuracy)


def _decide(model: Model, rows: np.ndarray, is_multilabel: bool) -> np.ndarray:
    """Decide for each row: the class with the largest output, or labels with at least 0.5.

    Args:
        model: The model; a binary or multi-label output is dequantized with its scale.
        rows: Raw outputs, (n, k).
        is_multilabel: Whether each of the k outputs is a label of its own.

    Returns:
        (n,) classes, or (n, k) of 0 and 1 for several labels.
    """
    is_binary = rows.shape[1] == 1
    if not is_binary and not is_multilabel:
        return decide(rows, "multiclass")
    port = model.outputs[0]
    # The scale of a tensor without quantization is 0.
    scores = dequantize(rows, port.scale or 1.0, port.zero_point)
    return decide(scores, "binary" if is_binary else "multilabel")
