"""Convert the labels of users to the form of a task, and reject those that do not fit."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.inputs import has_several_inputs
from snugnet.core.tasks import ModelEnds, Task, is_one_hot


class Labels(NamedTuple):
    """Labels in the form of a task.

    Attributes:
        y: See `core.samples.Samples.y`.
        class_names: Names of the classes or targets.
    """

    y: np.ndarray
    class_names: tuple[str, ...]


def convert_labels(
    x: np.ndarray,
    y: np.ndarray | None,
    class_names: tuple[str, ...],
    ends: ModelEnds,
    task: Task,
    source: str,
) -> Labels:
    """Convert labels to the form of a task.

    Args:
        x: Samples, (n, ...).
        y: Labels as the user has them; None if there are none.
        class_names: Names of the classes in the order of the model's outputs; () if unknown.
        ends: Input and output of the model.
        task: The task.
        source: Path or name of the samples, for messages.

    Raises:
        InputError: If there are no labels and the task needs some, or if they do not fit the model;
            the message has advice.
    """
    if y is not None and (y.ndim == 0 or len(y) != len(x)):
        raise InputError(
            f"{source}: y has shape {y.shape}, but there are {len(x)} samples. Give one row of y "
            "for each sample."
        )
    if task == Task.RECONSTRUCTION:
        return Labels(convert_anomalies(x, y, source), ())
    if y is None:
        raise InputError(f"{source}: no labels. Add an array y with the label of each sample.")
    if task == Task.REGRESSION:
        targets = _convert_targets(y, ends, source)
        if class_names and len(class_names) != targets.shape[1]:
            raise InputError(
                f"{source}: {len(class_names)} names, but the model has {targets.shape[1]} targets."
            )
        return Labels(targets, class_names or tuple(map(str, range(targets.shape[1]))))
    return _convert_classes(y, class_names, ends, task, source)


def are_inputs(x: np.ndarray, y: np.ndarray | None) -> bool:
    """Check whether labels are the samples themselves, as for training an autoencoder."""
    if has_several_inputs(x) or y is None or y.size != x.size:
        return False
    if y.dtype.kind not in "iubf" or x.dtype.kind not in "iubf":
        return False
    return bool(np.array_equal(x.ravel(), y.ravel()))


def decode_texts(y: np.ndarray) -> np.ndarray:
    """Convert bytes, and Python objects that are texts or numbers, to arrays of one plain type."""
    if y.dtype.kind == "O":
        try:
            y = np.array(y.tolist())
        except ValueError:  # rows of different length
            return y
    # Different bytes stay different.
    return np.char.decode(y, "utf-8", "backslashreplace") if y.dtype.kind == "S" else y


def convert_anomalies(x: np.ndarray, y: np.ndarray | None, source: str) -> np.ndarray:
    """Convert the labels of an autoencoder's samples.

    Args:
        x: Samples, (n, ...).
        y: 0 for normal and 1 for anomalous samples, (n,); or the samples themselves, or None.
        source: Path or name of the samples, for messages.

    Returns:
        0 or 1 for each sample, int64 (n,); no elements if there are no marks of anomalies.

    Raises:
        InputError: If the labels have another form.
    """
    if y is None or y.size == x.size:  # the targets of an autoencoder are its inputs
        return np.zeros(0, np.int64)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1 or y.dtype.kind not in "iubf" or not np.isin(y, (0, 1)).all():
        raise InputError(
            f"{source}: the model reconstructs its input, so labels mark anomalies. Save y of "
            f"shape ({len(x)},): 0 for normal and 1 for anomalous samples."
        )
    return y.astype(np.int64)


def _convert_targets(y: np.ndarray, ends: ModelEnds, source: str) -> np.ndarray:
    """Return targets of a regression, float32 (n, k)."""
    size = int(np.prod(ends.output_shape)) or 1
    if y.dtype.kind not in "iubf" or y.size != len(y) * size:
        if size > 1 and y.ndim == 1 and y.dtype.kind in "iu" and y.max(initial=0) == size:
            raise InputError(f"{source}: {_explain_range(y, size - 1)}")
        raise InputError(
            f"{source}: y has type {y.dtype} and shape {y.shape}. The model has {size} real "
            f"outputs: save numbers of shape ({len(y)}, {size})."
        )
    if not np.isfinite(y).all():
        raise InputError(f"{source}: y contains NaN or infinite values. Remove these samples.")
    return y.reshape(len(y), size).astype(np.float32)


def _convert_classes(
    y: np.ndarray, class_names: tuple[str, ...], ends: ModelEnds, task: Task, source: str
) -> Labels:
    """Return the labels of a task with classes, and the names of the classes."""
    classes = 2 if ends.classes == 1 else ends.classes
    names = _check_names(class_names, classes, source)
    y = decode_texts(y)
    if y.dtype.kind in "US":
        y = _number_names(y, class_names, classes, source)
    if y.dtype.kind == "f" and np.isfinite(y).all() and (y == np.rint(y)).all():
        y = y.astype(np.int64)  # Keras accepts classes as floats
    if y.dtype.kind not in "iub":
        raise InputError(
            f"{source}: y has type {y.dtype} and holds fractions, NaN or other objects. The task "
            f"is {task}: save integers."
        )
    y = _reshape(y, ends, task)
    expected = _label_shape(len(y), ends, task)
    highest = 1 if task == Task.MULTILABEL else classes - 1
    if y.shape != expected:
        raise InputError(
            f"{source}: y has shape {y.shape}. The task is {task}: save y with shape {expected}."
        )
    if y.min() < 0 or y.max() > highest:
        raise InputError(f"{source}: {_explain_range(y, highest)}")
    return Labels(y.astype(np.uint8 if task == Task.MULTILABEL else np.int64), names)


def _check_names(names: tuple[str, ...], classes: int, source: str) -> tuple[str, ...]:
    """Check the number of class names; without names, number the classes."""
    check_unique(names, source)
    if names and len(names) != classes:
        raise InputError(
            f"{source}: {len(names)} class names ({', '.join(names[:8])}), but the model has "
            f"{classes} classes. Name all of them, in the order of the model's outputs."
        )
    return names or tuple(map(str, range(classes)))


def _number_names(y: np.ndarray, names: tuple[str, ...], classes: int, source: str) -> np.ndarray:
    """Convert names of classes to their numbers."""
    known = sorted({str(label) for label in y.ravel()})
    if not names:
        raise InputError(
            f"{source}: y holds names ({', '.join(known[:8])}). Which one is output 0 is not "
            f"known: give the names of all {classes} classes in the order of the model's outputs, "
            "with --labels NAME,NAME,… or as an array class_names in the file."
        )
    if unknown := [name for name in known if name not in names]:
        raise InputError(
            f"{source}: y holds {', '.join(unknown[:8])}, but the classes are {', '.join(names)}. "
            "Correct --labels or the array class_names."
        )
    number_of = {name: number for number, name in enumerate(names)}
    return np.vectorize(lambda name: number_of[str(name)], otypes=[np.int64])(y)


def _reshape(y: np.ndarray, ends: ModelEnds, task: Task) -> np.ndarray:
    """Drop an axis of size 1, and convert one-hot labels to classes."""
    if task == Task.SEGMENTATION:
        if y.shape[1:] == ends.output_shape and ends.classes > 1:
            return y.argmax(axis=-1) if is_one_hot(y.reshape(-1, ends.classes)) else y
        size = int(np.prod(ends.output_shape[:-1]))
        return y.reshape(len(y), *ends.output_shape[:-1]) if y.size == len(y) * size else y
    if y.ndim == 2 and y.shape[1] == 1 and task != Task.MULTILABEL:
        return y[:, 0]
    if task in (Task.MULTICLASS, Task.BINARY) and is_one_hot(y):
        return y.argmax(axis=1)
    return y


def _label_shape(count: int, ends: ModelEnds, task: Task) -> tuple[int, ...]:
    if task == Task.SEGMENTATION:
        return (count, *ends.output_shape[:-1])
    return (count, ends.classes) if task == Task.MULTILABEL else (count,)


def _explain_range(y: np.ndarray, highest: int) -> str:
    """Explain labels that are no numbers of classes."""
    text = f"y holds values {y.min()} to {y.max()}, but the model's classes are 0 to {highest}."
    if y.min() == 1 and y.max() == highest + 1:
        return f"{text} The labels count from 1: save y - 1."
    return f"{text} Save the number of the model's output for each sample."


def check_unique(names: Iterable[str], source: str) -> None:
    """Check that all names of classes or targets differ.

    Args:
        names: The names.
        source: Path or name of the samples, for messages.

    Raises:
        InputError: If a name appears several times.
    """
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(
            f"{source}: the class names contain duplicates: {', '.join(repeated[:8])}. Give each "
            "class a name of its own."
        )
