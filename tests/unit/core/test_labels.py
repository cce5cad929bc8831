"""Tests of the conversion of labels to the form of a task."""

from collections.abc import Sequence

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.inputs import InputPort
from snugnet.core.labels import Labels, convert_labels
from snugnet.core.tasks import ModelEnds, Task

RNG = np.random.default_rng(0)
NAMES = tuple("NSVFQ")
CLASSES = np.array([2, 0, 4, 1, 3, 0])
SOURCE = "data.npz"


def convert(
    y: np.ndarray | None,
    task: Task,
    output: Sequence[int],
    names: tuple[str, ...] = (),
    inputs: Sequence[int] = (20,),
) -> Labels:
    """Convert labels of random samples for a model with an output of a shape."""
    x = RNG.normal(size=(6 if y is None else len(y), *inputs)).astype(np.float32)
    ends = ModelEnds((InputPort("x", tuple(inputs)),), tuple(output), None)
    return convert_labels(x, y, names, ends, task, SOURCE)


def refuse(*arguments: object, **options: object) -> str:
    """Return the message with which labels are refused; it starts with their file."""
    with pytest.raises(InputError) as error:
        convert(*arguments, **options)
    message = str(error.value)
    assert message.startswith(f"{SOURCE}: ")
    return message


def check(y: np.ndarray, expected: np.ndarray, dtype: type) -> None:
    np.testing.assert_array_equal(y, expected)
    assert y.shape == np.shape(expected)
    assert y.dtype == dtype


# --- One class for each sample ---------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        CLASSES,
        CLASSES.astype(np.uint8),
        CLASSES.astype(np.float64),
        CLASSES.astype(np.float32)[:, np.newaxis],
        CLASSES[:, np.newaxis],
        np.eye(5)[CLASSES],
        np.eye(5, dtype=np.uint8)[CLASSES],
        np.eye(5)[CLASSES] > 0,
    ],
)
def test_labels_are_classes_when_task_is_multiclass(y):
    labels = convert(y, Task.MULTICLASS, (5,))
    check(labels.y, CLASSES, np.int64)
    assert labels.class_names == ("0", "1", "2", "3", "4")


def test_labels_keep_names_when_classes_are_numbers():
    assert convert(CLASSES, Task.MULTICLASS, (5,), NAMES).class_names == NAMES


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_labels_follow_given_order_when_they_are_names(shape):
    """The order is that of the outputs, not the alphabetical one."""
    y = np.array(NAMES)[CLASSES].reshape(shape)
    labels = convert(y, Task.MULTICLASS, (5,), NAMES)
    check(labels.y, CLASSES, np.int64)
    assert labels.class_names == NAMES


def test_labels_follow_given_order_when_they_are_bytes():
    """Files of HDF5 and of C programs hold names as bytes."""
    y = np.array([b"N", b"S", b"V", b"F", b"Q"])[CLASSES]
    check(convert(y, Task.MULTICLASS, (5,), NAMES).y, CLASSES, np.int64)


def test_labels_are_right_when_some_classes_are_absent():
    y = np.array(["V", "N", "V"])
    check(convert(y, Task.MULTICLASS, (5,), NAMES).y, np.array([2, 0, 2]), np.int64)


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 1, 0]),
        np.array([0.0, 1.0, 1.0, 0.0]),
        np.array([False, True, True, False]),
        np.array([[0], [1], [1], [0]]),
        np.array([[1, 0], [0, 1], [0, 1], [1, 0]]),
    ],
)
@pytest.mark.parametrize("output", [(1,), ()])
def test_labels_are_0_and_1_when_task_is_binary(y, output):
    labels = convert(y, Task.BINARY, output)
    check(labels.y, np.array([0, 1, 1, 0]), np.int64)
    assert labels.class_names == ("0", "1")


def test_labels_are_0_and_1_when_binary_ones_are_names():
    y = np.array(["normal", "afib", "afib"])
    labels = convert(y, Task.BINARY, (1,), ("normal", "afib"))
    check(labels.y, np.array([0, 1, 1]), np.int64)
    assert labels.class_names == ("normal", "afib")


@pytest.mark.parametrize(
    ("task", "output", "classes"), [(Task.MULTICLASS, (5,), 5), (Task.BINARY, (1,), 2)]
)
def test_labels_need_an_order_when_they_are_names(task, output, classes):
    y = np.array(["afib", "normal", "afib"])
    message = refuse(y, task, output)
    assert "y holds names (afib, normal)" in message
    assert f"all {classes} classes in the order of the model's outputs" in message
    assert "--labels NAME,NAME" in message
    assert "class_names" in message


def test_labels_are_refused_when_names_are_unknown():
    message = refuse(np.array(["N", "normal", "S", "other"]), Task.MULTICLASS, (5,), NAMES)
    assert "y holds normal, other, but the classes are N, S, V, F, Q" in message
    assert "Correct --labels or the array class_names" in message


@pytest.mark.parametrize("names", [("N", "S", "V"), tuple("NSVFQXYZUW")])
def test_labels_are_refused_when_number_of_names_is_wrong(names):
    for y in (CLASSES, np.array(NAMES)[CLASSES]):
        message = refuse(y, Task.MULTICLASS, (5,), names)
        assert f"{len(names)} class names ({', '.join(names[:8])})" in message
        assert "the model has 5 classes" in message
        assert "in the order of the model's outputs" in message


def test_labels_are_refused_when_a_name_is_given_twice():
    """Two classes of one name: it is unknown which of them a label means."""
    message = refuse(np.array(["N", "S"]), Task.MULTICLASS, (3,), ("N", "S", "N"))
    assert "the class names contain duplicates: N. Give each class a name of its own." in message


@pytest.mark.parametrize(
    ("y", "task", "output", "highest"),
    [
        (CLASSES + 1, Task.MULTICLASS, (5,), 4),
        ((CLASSES + 1).astype(float), Task.MULTICLASS, (5,), 4),
        ((CLASSES + 1)[:, np.newaxis], Task.MULTICLASS, (5,), 4),
        (np.array([1, 2, 2, 1]), Task.BINARY, (1,), 1),
        (np.array([[1, 2, 3], [3, 2, 1]]), Task.SEGMENTATION, (3, 3), 2),
    ],
)
def test_labels_are_refused_when_they_count_from_one(y, task, output, highest):
    message = refuse(y, task, output)
    assert f"y holds values 1 to {highest + 1}, but the model's classes are 0 to {highest}." in (
        message
    )
    assert "The labels count from 1: save y - 1." in message


@pytest.mark.parametrize(
    ("y", "task", "output", "text"),
    [
        (np.array([0, 7]), Task.MULTICLASS, (5,), "y holds values 0 to 7"),
        (np.array([-1, 1]), Task.MULTICLASS, (5,), "y holds values -1 to 1"),
        (np.array([-1, 1]), Task.BINARY, (1,), "y holds values -1 to 1"),
        (np.array([0, 5]), Task.MULTICLASS, (5,), "the model's classes are 0 to 4"),
        (np.array([[0, 2], [1, 0]]), Task.MULTILABEL, (2,), "y holds values 0 to 2"),
        (np.array([[0, 9], [1, 0]]), Task.SEGMENTATION, (2, 3), "y holds values 0 to 9"),
    ],
)
def test_labels_are_refused_when_values_are_no_classes(y, task, output, text):
    message = refuse(y, task, output)
    assert text in message
    assert "Save the number of the model's output for each sample." in message


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.BINARY])
def test_labels_are_refused_when_they_are_fractions(task):
    output = (5,) if task == Task.MULTICLASS else (1,)
    message = refuse(np.array([0.5, 1.0, 0.0]), task, output)
    assert "y has type float64 and holds fractions" in message
    assert f"The task is {task}: save integers." in message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_labels_are_refused_when_classes_are_not_finite(value):
    message = refuse(np.array([value, 1.0, 0.0]), Task.MULTICLASS, (5,))
    assert "NaN" in message


def test_labels_are_numbered_when_names_are_objects():
    """A column of texts of pandas."""
    y = np.array(["N", "S"], dtype=object)
    labels = convert(y, Task.MULTICLASS, (5,), NAMES)
    assert labels.y.tolist() == [NAMES.index("N"), NAMES.index("S")]


@pytest.mark.parametrize(
    ("y", "task", "output", "shape"),
    [
        (np.zeros((3, 7), int), Task.MULTICLASS, (5,), "(3,)"),
        (np.array([[1, 1, 0, 0, 0]] * 3), Task.MULTICLASS, (5,), "(3,)"),
        (np.zeros((3, 5), int), Task.MULTICLASS, (5,), "(3,)"),
        (np.zeros((3, 2, 2), int), Task.MULTICLASS, (5,), "(3,)"),
        (np.zeros((3, 4), int), Task.BINARY, (1,), "(3,)"),
        (np.zeros(3, int), Task.MULTILABEL, (5,), "(3, 5)"),
        (np.zeros((3, 4), int), Task.MULTILABEL, (5,), "(3, 5)"),
        (np.zeros(3, int), Task.SEGMENTATION, (64, 3), "(3, 64)"),
        (np.zeros((3, 32), int), Task.SEGMENTATION, (64, 3), "(3, 64)"),
        (np.zeros((3, 64, 2), int), Task.SEGMENTATION, (64, 3), "(3, 64)"),
        (np.zeros((3, 8), int), Task.SEGMENTATION, (8, 8, 3), "(3, 8, 8)"),
    ],
)
def test_labels_are_refused_when_their_shape_is_wrong(y, task, output, shape):
    message = refuse(y, task, output)
    assert f"y has shape {y.shape}." in message
    assert f"The task is {task}: save y with shape {shape}." in message


def test_labels_are_refused_when_one_hot_width_is_wrong():
    """One-hot labels of another number of classes than the model has."""
    y = np.eye(7, dtype=int)[[0, 6, 2]]
    message = refuse(y, Task.MULTICLASS, (5,))
    assert "y holds values 0 to 6, but the model's classes are 0 to 4" in message


@pytest.mark.parametrize(
    ("task", "output"),
    [
        (Task.MULTICLASS, (5,)),
        (Task.BINARY, (1,)),
        (Task.MULTILABEL, (5,)),
        (Task.SEGMENTATION, (64, 3)),
        (Task.REGRESSION, (1,)),
    ],
)
def test_labels_are_refused_when_there_are_none(task, output):
    message = refuse(None, task, output)
    assert "no labels. Add an array y with the label of each sample." in message


# --- Several labels for each sample ----------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.bool_])
def test_labels_are_multi_hot_when_task_is_multilabel(dtype):
    y = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]])
    labels = convert(y.astype(dtype), Task.MULTILABEL, (3,), ("a", "b", "c"))
    check(labels.y, y, np.uint8)
    assert labels.class_names == ("a", "b", "c")


def test_labels_stay_multi_hot_when_each_row_has_one_label():
    """One-hot rows are labels of a multi-label task if it was requested."""
    labels = convert(np.eye(3), Task.MULTILABEL, (3,))
    check(labels.y, np.eye(3), np.uint8)
    assert labels.class_names == ("0", "1", "2")


# --- Segmentation ----------------------------------------------------------------------------


@pytest.mark.parametrize("positions", [(64,), (8, 8)])
def test_labels_are_classes_of_positions_when_segmented(positions):
    y = RNG.integers(0, 3, (4, *positions))
    output = (*positions, 3)
    for form in (y, y.astype(float), y[..., np.newaxis], y.reshape(4, -1), np.eye(3)[y]):
        labels = convert(form, Task.SEGMENTATION, output)
        check(labels.y, y, np.int64)
        assert labels.class_names == ("0", "1", "2")


@pytest.mark.parametrize("form", [(4, 64), (4, 64, 1), (4, 1, 64)])
def test_labels_are_0_and_1_when_one_class_is_segmented(form):
    y = RNG.integers(0, 2, (4, 64))
    labels = convert(y.reshape(form), Task.SEGMENTATION, (64, 1))
    check(labels.y, y, np.int64)
    assert labels.class_names == ("0", "1")


def test_labels_follow_names_when_positions_are_named():
    y = RNG.integers(0, 3, (4, 64))
    names = ("background", "P", "QRS")
    check(convert(np.array(names)[y], Task.SEGMENTATION, (64, 3), names).y, y, np.int64)


def test_labels_are_refused_when_positions_are_multi_hot():
    """Several classes at a position, or none, are no class."""
    y = RNG.integers(0, 2, (4, 64, 3))
    y[0, 0] = (1, 1, 0)
    y[0, 1] = (0, 0, 0)
    refuse(y, Task.SEGMENTATION, (64, 3))


# --- Regression ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "output"),
    [
        ((6,), (1,)),
        ((6, 1), (1,)),
        ((6,), ()),
        ((6, 3), (3,)),
        ((6, 1, 3), (3,)),
        ((6, 12), (4, 3)),
        ((6, 4, 3), (4, 3)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_labels_are_targets_when_task_is_regression(shape, output, dtype):
    y = RNG.integers(0, 96, shape).astype(dtype)
    labels = convert(y, Task.REGRESSION, output)
    check(labels.y, y.reshape(6, -1), np.float32)
    assert labels.class_names == tuple(map(str, range(labels.y.shape[1])))


def test_labels_keep_names_when_targets_are_named():
    y = RNG.normal(size=(6, 2))
    assert convert(y, Task.REGRESSION, (2,), ("x", "y")).class_names == ("x", "y")


@pytest.mark.parametrize(
    ("y", "output", "expected"),
    [
        (np.zeros((6, 2)), (1,), "The model has 1 real outputs: save numbers of shape (6, 1)"),
        (np.zeros(6), (3,), "The model has 3 real outputs: save numbers of shape (6, 3)"),
        (np.array(["a"] * 6), (1,), "save numbers of shape (6, 1)"),
    ],
)
def test_labels_are_refused_when_they_are_no_targets(y, output, expected):
    message = refuse(y, Task.REGRESSION, output)
    assert f"y has type {y.dtype} and shape {y.shape}" in message
    assert expected in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_labels_are_refused_when_targets_are_not_finite(value):
    y = np.array([0.5, value, 1.0])
    assert "NaN or infinite values. Remove these samples." in refuse(y, Task.REGRESSION, (1,))


def test_labels_are_refused_when_targets_have_wrong_names():
    """A name for each target, or none."""
    message = refuse(np.zeros((6, 2)), Task.REGRESSION, (2,), ("a", "b", "c"))
    assert "3" in message and "2" in message


# --- Reconstruction --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.bool_, np.uint8])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_labels_mark_anomalies_when_task_is_reconstruction(dtype, shape):
    y = np.array([0, 1, 1, 0])
    labels = convert(y.astype(dtype).reshape(shape), Task.RECONSTRUCTION, (20,))
    check(labels.y, y, np.int64)
    assert labels.class_names == ()


@pytest.mark.parametrize("shape", [(4, 20), (4, 20, 1), (4, 5, 4)])
def test_labels_have_no_elements_when_targets_are_the_input(shape):
    for y in (None, RNG.random(shape), RNG.integers(0, 2, shape)):
        labels = convert(y, Task.RECONSTRUCTION, (20,))
        check(labels.y, np.zeros(0), np.int64)
        assert labels.class_names == ()


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 2]),
        np.array([0.0, 0.5, 1.0]),
        np.array(["normal", "odd", "normal"]),
        np.array([0.0, np.nan, 1.0]),
        np.zeros((3, 2)),
        np.array([1, 2, 1]),
    ],
)
def test_labels_are_refused_when_they_mark_no_anomalies(y):
    message = refuse(y, Task.RECONSTRUCTION, (20,))
    assert "the model reconstructs its input, so labels mark anomalies" in message
    assert "Save y of shape (3,): 0 for normal and 1 for anomalous samples." in message
