"""The task of a model: decided once, from its output, its last activation and the labels.

Commands, the Python API and studies all ask this module. A file does not state its task, so every
output names the assumed task, and an option can set it.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.inputs import InputPort, describe_inputs, list_graph_inputs
from snugnet.core.tflite_graph import Graph

# Thresholds of a decision between two classes: for probabilities and for logits.
PROBABILITY_THRESHOLD, LOGIT_THRESHOLD = 0.5, 0.0
# Last operators of a .tflite file that change only the type or the shape of the output.
TYPE_OPERATORS = ("DEQUANTIZE", "QUANTIZE", "RESHAPE")
ACTIVATION_OPERATORS = {"LOGISTIC": "sigmoid", "SOFTMAX": "softmax"}


class Task(StrEnum):
    """Task of a model: the meaning of its outputs.

    Attributes:
        MULTICLASS: One score for each class; the largest one decides.
        BINARY: One score, which decides between two classes.
        MULTILABEL: One score for each label; each decides for itself.
        SEGMENTATION: Scores of the classes at each position, such as a time step.
        REGRESSION: Real numbers.
        RECONSTRUCTION: The input itself (an autoencoder); the error is a score of anomaly.
    """

    MULTICLASS = "multiclass"
    BINARY = "binary"
    MULTILABEL = "multilabel"
    SEGMENTATION = "segmentation"
    REGRESSION = "regression"
    RECONSTRUCTION = "reconstruction"

    @property
    def has_classes(self) -> bool:
        """Whether outputs are decisions, so that there is an accuracy."""
        return self not in (Task.REGRESSION, Task.RECONSTRUCTION)


@dataclass(frozen=True)
class ModelEnds:
    """Inputs and output of a model, from which its task is found.

    Attributes:
        inputs: The inputs.
        output_shape: Shape of the output for one sample.
        activation: Last activation: `softmax`, `sigmoid`, or None for any other.
    """

    inputs: tuple[InputPort, ...]
    output_shape: tuple[int, ...]
    activation: str | None

    @classmethod
    def of_graph(cls, graph: Graph) -> "ModelEnds":
        """Describe the ends of a .tflite file with one output."""
        output = graph.outputs[0]
        writers = {index: operator for operator in graph.operators for index in operator.outputs}
        index, seen = output, {output}
        while index in writers and writers[index].name in TYPE_OPERATORS:
            index = writers[index].inputs[0] if writers[index].inputs else -1
            if index in seen:  # a damaged file
                break
            seen.add(index)
        name = writers[index].name if index in writers else ""
        return cls(
            inputs=list_graph_inputs(graph),
            output_shape=graph.tensors[output].shape[1:],
            activation=ACTIVATION_OPERATORS.get(name),
        )

    @property
    def classes(self) -> int:
        """Number of scores for a sample, or at a position: the size of the last axis."""
        return self.output_shape[-1] if self.output_shape else 1

    @property
    def is_scalar(self) -> bool:
        """Whether there is one output value."""
        return math.prod(self.output_shape) == 1

    @property
    def has_positions(self) -> bool:
        """Whether there are scores at several positions."""
        return math.prod(self.output_shape[:-1]) > 1

    @property
    def mirrors_input(self) -> bool:
        """Whether the output has as many values as the only input, and more than one."""
        size = math.prod(self.output_shape)
        return size > 1 and len(self.inputs) == 1 and size == math.prod(self.inputs[0].shape)


@dataclass(frozen=True)
class TaskChoice:
    """A task, and how it was found.

    Attributes:
        task: The task.
        threshold: Scores of at least this much are positive, in tasks that have a threshold.
        reason: How the task was found, for people.
    """

    task: Task
    threshold: float
    reason: str

    def __str__(self) -> str:
        return f"{self.task} ({self.reason})"


def choose_task(
    ends: ModelEnds,
    y: np.ndarray | None,
    requested: str | None = None,
    y_is_input: bool = False,
) -> TaskChoice:
    """Choose the task of a model.

    Args:
        ends: Input and output of the model.
        y: Labels in the form in which the user has them; None without labels.
        requested: The task that the user asks for; None to find it.
        y_is_input: Whether the labels are the samples themselves.

    Raises:
        InputError: If the requested task does not fit the output.
    """
    is_logit = ends.activation is None
    threshold = LOGIT_THRESHOLD if is_logit else PROBABILITY_THRESHOLD
    if requested is not None:
        if requested not in list(Task):
            raise InputError(f"unknown task {requested!r}. Known: {', '.join(Task)}.")
        check_task(ends, Task(requested))
        return TaskChoice(Task(requested), threshold, "as requested")
    task, reason = _find_task(ends, None if y_is_input and ends.mirrors_input else y)
    if task in (Task.BINARY, Task.MULTILABEL):
        reason += f", threshold {threshold:g}"
    return TaskChoice(task, threshold, reason)


def check_task(ends: ModelEnds, task: Task) -> None:
    """Check that an output can have a meaning.

    Args:
        ends: Input and output of a model.
        task: The meaning that the output shall have.

    Raises:
        InputError: If the shape of the output does not allow it; the message lists what it allows.
    """
    fits = {
        Task.BINARY: ends.is_scalar,
        Task.MULTICLASS: not ends.has_positions and ends.classes > 1,
        Task.MULTILABEL: not ends.has_positions and ends.classes > 1,
        Task.SEGMENTATION: ends.has_positions,
        Task.REGRESSION: True,
        Task.RECONSTRUCTION: ends.mirrors_input,
    }
    if not fits[task]:
        possible = ", ".join(name for name, is_possible in fits.items() if is_possible)
        raise InputError(
            f"task {task} does not fit an output of shape {list(ends.output_shape)} for inputs of "
            f"shape {describe_inputs(ends.inputs)}. Possible: {possible}."
        )


def _find_task(ends: ModelEnds, y: np.ndarray | None) -> tuple[Task, str]:
    if ends.activation == "softmax":
        if ends.has_positions:
            return Task.SEGMENTATION, "a softmax at each position"
        return Task.MULTICLASS, "the last layer is a softmax"
    if ends.mirrors_input and not _are_labels_of(ends, y):
        return Task.RECONSTRUCTION, "the output has the size of the input"
    if ends.has_positions:
        if y is None or y.dtype.kind != "f" or is_whole(y):
            return Task.SEGMENTATION, "scores at each position"
        return Task.REGRESSION, "targets are real numbers"
    if ends.activation == "sigmoid":
        return _find_sigmoid_task(ends, y)
    return _find_linear_task(ends, y)


def _find_sigmoid_task(ends: ModelEnds, y: np.ndarray | None) -> tuple[Task, str]:
    if y is not None and y.dtype.kind == "f" and not is_whole(y):
        return Task.REGRESSION, "targets are real numbers"
    if ends.is_scalar:
        return Task.BINARY, "one sigmoid"
    if y is not None and _has_one_label(y, ends.classes):
        return Task.MULTICLASS, f"{ends.classes} sigmoids, labels of one class each"
    return Task.MULTILABEL, f"{ends.classes} sigmoids"


def _find_linear_task(ends: ModelEnds, y: np.ndarray | None) -> tuple[Task, str]:
    if y is None:
        return Task.REGRESSION, "the last layer has no activation, and there are no labels"
    if y.dtype.kind in "US":
        if ends.is_scalar:
            return Task.BINARY, "one output without activation, labels are names"
        return Task.MULTICLASS, f"{ends.classes} outputs without activation, labels are names"
    if ends.is_scalar:
        if is_whole(y) and set(np.unique(y)) <= {0, 1}:
            return Task.BINARY, "one output without activation, labels 0 and 1"
        return Task.REGRESSION, "one output without activation"
    if _has_one_label(y, ends.classes):
        return Task.MULTICLASS, f"{ends.classes} outputs without activation, labels are classes"
    if is_whole(y) and y.ndim == 2 and set(np.unique(y)) <= {0, 1}:
        return Task.MULTILABEL, f"{ends.classes} outputs without activation, labels 0 and 1"
    return Task.REGRESSION, f"{ends.classes} outputs without activation"


def is_one_hot(y: np.ndarray) -> bool:
    """Check whether each sample has exactly one label out of several.

    Args:
        y: Labels of any shape and type; only numbers of shape (n, k) can be one-hot.
    """
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "iufb":
        return False
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def _has_one_label(y: np.ndarray, classes: int) -> bool:
    """Check that each sample has one class: a number, also counted from 1, a name, or one-hot."""
    if is_one_hot(y):
        return True
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1 or not len(y):
        return False
    return y.dtype.kind in "USO" or (is_whole(y) and y.min() >= 0 and y.max() <= classes)


def is_whole(y: np.ndarray) -> bool:
    """Check that labels are whole numbers, in any type."""
    if y.dtype.kind in "iub":
        return True
    return y.dtype.kind == "f" and bool(np.isfinite(y).all() and (y == np.rint(y)).all())


def _are_labels_of(ends: ModelEnds, y: np.ndarray | None) -> bool:
    """Return whether labels belong to another task than reconstruction.

    The output of a network for 12 labels, 12 classes or 12 targets has as many values as an input
    with 12 values. An autoencoder has no labels, its own input as labels, or one mark for each
    sample: normal or anomalous.
    """
    if y is None:
        return False
    if y.dtype.kind in "US":
        return True
    is_binary = bool(np.isin(y, (0, 1)).all())
    if y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
        if ends.has_positions:
            return False
        return not is_binary or ends.output_shape == (2,)
    if ends.has_positions and y.shape[1:] == ends.output_shape[:-1] and is_whole(y):
        return ends.classes > 1 or is_binary
    return is_binary and math.prod(y.shape[1:]) == math.prod(ends.output_shape)
