"""Tests of the choice of a task from the output of a model and the labels."""

import dataclasses
import math
import signal
from collections.abc import Sequence

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.inputs import InputPort
from snugnet.core.tasks import (
    LOGIT_THRESHOLD,
    PROBABILITY_THRESHOLD,
    ModelEnds,
    Task,
    choose_task,
)
from snugnet.core.tflite_graph import Graph, Operator, Tensor

RNG = np.random.default_rng(0)
COUNT = 40
CLASSES = np.arange(COUNT) % 4
REALS = RNG.normal(size=COUNT)
ONE_HOT = np.eye(4)[CLASSES]
MULTI_HOT = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1], [1, 0, 0, 0]] * 10)


def ends(
    output: Sequence[int],
    activation: str | None = None,
    inputs: Sequence[int] = (50, 3),
) -> ModelEnds:
    return ModelEnds((InputPort("x", tuple(inputs)),), tuple(output), activation)


def make_graph(chain: Sequence[tuple[str, Sequence[int]]]) -> Graph:
    """Make a graph of operators in a row, each with the shape of its output."""
    shapes = [(1, 50, 3), *(tuple(shape) for _, shape in chain)]
    tensors = tuple(Tensor(i, f"t{i}", shape, "int8") for i, shape in enumerate(shapes))
    operators = tuple(Operator(name, (i,), (i + 1,)) for i, (name, _) in enumerate(chain))
    return Graph(tensors, operators, (0,), (len(chain),))


# --- Softmax ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        None,
        CLASSES,
        CLASSES.astype(np.float64),
        CLASSES[:, np.newaxis],
        CLASSES + 1,
        ONE_HOT,
        ONE_HOT.astype(bool),
        np.array(list("NSVF"))[CLASSES],
        REALS,
    ],
)
def test_task_is_multiclass_when_output_is_softmax(y):
    choice = choose_task(ends((4,), "softmax"), y)
    assert choice.task == Task.MULTICLASS
    assert choice.reason == "the last layer is a softmax"


def test_task_is_multiclass_when_softmax_mirrors_input():
    """A softmax is never a reconstruction, even if it has as many values as the input."""
    for y in (None, CLASSES, np.arange(COUNT) % 2):
        assert choose_task(ends((4,), "softmax", (4,)), y).task == Task.MULTICLASS


@pytest.mark.parametrize("positions", [(64,), (16, 16)])
@pytest.mark.parametrize("classes", [2, 3])
def test_task_is_segmentation_when_softmax_has_positions(positions, classes):
    y = RNG.integers(0, classes, (COUNT, *positions))
    for labels in (None, y, y.astype(float), np.eye(classes)[y]):
        choice = choose_task(ends((*positions, classes), "softmax", (*positions, 1)), labels)
        assert choice.task == Task.SEGMENTATION
        assert choice.reason == "a softmax at each position"


# --- Sigmoid ---------------------------------------------------------------------------------


@pytest.mark.parametrize("output", [(1,), (), (1, 1)])
@pytest.mark.parametrize(
    "y",
    [
        None,
        CLASSES % 2,
        (CLASSES % 2).astype(np.float32),
        (CLASSES % 2).astype(bool)[:, np.newaxis],
        np.array(["no", "yes"])[CLASSES % 2],
    ],
)
def test_task_is_binary_when_output_is_one_sigmoid(output, y):
    choice = choose_task(ends(output, "sigmoid"), y)
    assert choice.task == Task.BINARY
    assert choice.threshold == PROBABILITY_THRESHOLD
    assert choice.reason == "one sigmoid, threshold 0.5"


@pytest.mark.parametrize(("size", "shape"), [(1, (COUNT,)), (1, (COUNT, 1)), (4, (COUNT, 4))])
def test_task_is_regression_when_sigmoids_have_real_targets(size, shape):
    """The box of a detector: four sigmoids, whose targets are real numbers."""
    choice = choose_task(ends((size,), "sigmoid"), RNG.random(shape))
    assert choice.task == Task.REGRESSION
    assert choice.reason == "targets are real numbers"


@pytest.mark.parametrize("y", [None, MULTI_HOT, MULTI_HOT.astype(np.float32), MULTI_HOT > 0])
def test_task_is_multilabel_when_labels_are_multi_hot(y):
    choice = choose_task(ends((4,), "sigmoid"), y)
    assert choice.task == Task.MULTILABEL
    assert choice.threshold == PROBABILITY_THRESHOLD
    assert choice.reason == "4 sigmoids, threshold 0.5"


@pytest.mark.parametrize("y", [ONE_HOT, CLASSES, CLASSES.astype(float), CLASSES[:, np.newaxis]])
def test_task_is_multiclass_when_sigmoids_have_classes(y):
    choice = choose_task(ends((4,), "sigmoid"), y)
    assert choice.task == Task.MULTICLASS
    assert choice.reason == "4 sigmoids, labels of one class each"


def test_task_is_multiclass_when_sigmoids_have_names():
    """As for outputs without activation: a name for each sample is a class."""
    y = np.array(list("NSVF"))[CLASSES]
    assert choose_task(ends((4,), "sigmoid"), y).task == Task.MULTICLASS


# --- No activation ---------------------------------------------------------------------------


@pytest.mark.parametrize("output", [(1,), (), (1, 1, 1)])
@pytest.mark.parametrize(
    "y", [CLASSES % 2, (CLASSES % 2).astype(float), (CLASSES % 2 > 0), (CLASSES % 2)[:, np.newaxis]]
)
def test_threshold_is_zero_when_one_logit_has_labels_0_1(output, y):
    choice = choose_task(ends(output), y)
    assert choice.task == Task.BINARY
    assert choice.threshold == LOGIT_THRESHOLD == 0
    assert choice.reason == "one output without activation, labels 0 and 1, threshold 0"


@pytest.mark.parametrize(
    "y",
    [
        REALS,
        REALS[:, np.newaxis],
        RNG.integers(0, 96, COUNT),
        np.rint(REALS * 30),
        np.array([0, 1, 2] * 10),
        np.array([0.0, 1.0, 0.5]),
    ],
)
def test_task_is_regression_when_one_output_has_numbers(y):
    choice = choose_task(ends((1,)), y)
    assert choice.task == Task.REGRESSION
    assert choice.reason == "one output without activation"


@pytest.mark.parametrize(("output", "inputs"), [((1,), (5,)), ((4,), (50, 3))])
def test_task_is_regression_when_there_are_no_labels(output, inputs):
    choice = choose_task(ends(output, None, inputs), None)
    assert choice.task == Task.REGRESSION
    assert "there are no labels" in choice.reason


@pytest.mark.parametrize(("size", "task"), [(1, Task.BINARY), (2, Task.MULTICLASS)])
def test_task_has_classes_when_labels_are_names(size, task):
    choice = choose_task(ends((size,)), np.array(["normal", "afib"] * 20))
    assert choice.task == task
    assert "labels are names" in choice.reason


@pytest.mark.parametrize(
    "y",
    [
        CLASSES,
        CLASSES.astype(float),
        CLASSES[:, np.newaxis],
        CLASSES.astype(np.uint8),
        CLASSES % 3,
        ONE_HOT,
        ONE_HOT.astype(np.int8),
    ],
)
def test_task_is_multiclass_when_logits_have_classes(y):
    choice = choose_task(ends((4,)), y)
    assert choice.task == Task.MULTICLASS
    assert choice.threshold == LOGIT_THRESHOLD
    assert choice.reason == "4 outputs without activation, labels are classes"


@pytest.mark.parametrize("y", [MULTI_HOT, MULTI_HOT.astype(float), MULTI_HOT > 0])
def test_task_is_multilabel_when_logits_have_multi_hot(y):
    choice = choose_task(ends((4,)), y)
    assert choice.task == Task.MULTILABEL
    assert choice.threshold == LOGIT_THRESHOLD
    assert choice.reason == "4 outputs without activation, labels 0 and 1, threshold 0"


@pytest.mark.parametrize(
    "y", [RNG.normal(size=(COUNT, 4)), RNG.integers(0, 96, (COUNT, 4)), np.full((COUNT, 4), 2)]
)
def test_task_is_regression_when_outputs_have_numbers(y):
    assert choose_task(ends((4,)), y).task == Task.REGRESSION


def test_task_is_regression_when_two_targets_are_real():
    y = np.stack([REALS, -REALS], axis=1).astype(np.float32)
    assert choose_task(ends((2,), None, (24,)), y).task == Task.REGRESSION


def test_task_is_multiclass_when_logits_count_from_one():
    """Labels that count from 1 must get the message about them, not one about real targets."""
    assert choose_task(ends((4,)), CLASSES + 1).task == Task.MULTICLASS


# --- Autoencoders ----------------------------------------------------------------------------

MIRRORS = [((140,), (140,)), ((28, 28, 1), (28, 28, 1)), ((64, 3), (64, 3)), ((8, 8, 1), (64,))]


@pytest.mark.parametrize("activation", [None, "sigmoid"])
@pytest.mark.parametrize(("inputs", "output"), MIRRORS)
def test_task_is_reconstruction_when_output_mirrors_input(inputs, output, activation):
    x = RNG.random((COUNT, *inputs))
    marks = CLASSES % 2
    for y in (None, marks, marks[:, np.newaxis], marks > 0, marks.astype(float), x):
        choice = choose_task(ends(output, activation, inputs), y)
        assert choice.task == Task.RECONSTRUCTION
        assert choice.reason == "the output has the size of the input"
    flat = x.reshape(COUNT, -1).astype(np.float32)
    assert choose_task(ends(output, activation, inputs), flat).task == Task.RECONSTRUCTION


@pytest.mark.parametrize("inputs", [(140,), (28, 28, 1)])
def test_task_is_reconstruction_when_all_samples_are_normal(inputs):
    for y in (np.zeros(COUNT, int), np.ones(COUNT, int)):
        assert choose_task(ends(inputs, None, inputs), y).task == Task.RECONSTRUCTION


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_task_is_reconstruction_when_y_is_integer_image(dtype):
    """Targets of a denoising autoencoder that reads raw images."""
    y = RNG.integers(0, 256, (COUNT, 28, 28)).astype(dtype)
    for labels in (y, y[..., np.newaxis]):
        choice = choose_task(ends((28, 28, 1), None, (28, 28, 1)), labels)
        assert choice.task == Task.RECONSTRUCTION


@pytest.mark.parametrize("activation", [None, "sigmoid"])
@pytest.mark.parametrize(
    ("y", "task"),
    [
        (np.arange(COUNT) % 12, Task.MULTICLASS),
        (np.eye(12)[np.arange(COUNT) % 12], Task.MULTICLASS),
        (np.tile([1, 1, 0], (COUNT, 4)), Task.MULTILABEL),
    ],
)
def test_task_follows_labels_when_sizes_are_equal(activation, y, task):
    """The network has 12 inputs and 12 outputs by chance."""
    assert choose_task(ends((12,), activation, (12,)), y).task == task


def test_task_is_multiclass_when_names_and_sizes_are_equal():
    y = np.array(list("abcdefghijkl"))[np.arange(COUNT) % 12]
    assert choose_task(ends((12,), None, (12,)), y).task == Task.MULTICLASS


@pytest.mark.parametrize("inputs", [(2,), (2, 1), (1, 2)])
@pytest.mark.parametrize("activation", [None, "sigmoid", "softmax"])
def test_task_is_multiclass_when_two_inputs_give_two_classes(inputs, activation):
    for y in (CLASSES % 2, (CLASSES % 2).astype(float), (CLASSES % 2)[:, np.newaxis]):
        assert choose_task(ends((2,), activation, inputs), y).task == Task.MULTICLASS


def test_task_is_binary_when_one_input_gives_one_output():
    """One value is no reconstruction."""
    assert choose_task(ends((1,), "sigmoid", (1,)), CLASSES % 2).task == Task.BINARY
    assert choose_task(ends((1,), None, (1,)), CLASSES % 2).task == Task.BINARY
    assert choose_task(ends((1,), None, (1,)), REALS).task == Task.REGRESSION


# --- Segmentation ----------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [None, "sigmoid"])
@pytest.mark.parametrize(("channels", "classes"), [(1, 3), (3, 3), (2, 1), (1, 1)])
def test_task_is_segmentation_when_labels_have_positions(activation, channels, classes):
    y = RNG.integers(0, max(classes, 2), (COUNT, 64))
    for labels in (y, y.astype(np.float32), y.astype(np.uint8)):
        choice = choose_task(ends((64, classes), activation, (64, channels)), labels)
        assert choice.task == Task.SEGMENTATION
        assert choice.reason == "scores at each position"


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_task_is_segmentation_when_labels_are_one_hot(activation):
    y = np.eye(3)[RNG.integers(0, 3, (COUNT, 64))]
    for inputs in ((64, 1), (64, 3)):
        choice = choose_task(ends((64, 3), activation, inputs), y)
        assert choice.task == Task.SEGMENTATION


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_task_is_segmentation_when_one_class_has_an_axis(activation):
    y = RNG.integers(0, 2, (COUNT, 64, 1))
    for inputs in ((64, 1), (64, 2)):
        assert choose_task(ends((64, 1), activation, inputs), y).task == Task.SEGMENTATION


def test_task_is_segmentation_when_positions_have_no_labels():
    for activation in (None, "sigmoid", "softmax"):
        assert choose_task(ends((64, 3), activation), None).task == Task.SEGMENTATION


def test_task_is_regression_when_positions_have_real_targets():
    for activation in (None, "sigmoid"):
        choice = choose_task(ends((64, 3), activation), RNG.random((COUNT, 64, 3)))
        assert choice.task == Task.REGRESSION
        assert choice.reason == "targets are real numbers"


@pytest.mark.parametrize(
    ("activation", "threshold"), [(None, 0.0), ("sigmoid", 0.5), ("softmax", 0.5)]
)
def test_threshold_follows_activation_when_task_has_positions(activation, threshold):
    y = RNG.integers(0, 2, (COUNT, 64))
    assert choose_task(ends((64, 1), activation, (64, 2)), y).threshold == threshold


# --- Requested tasks -------------------------------------------------------------------------

FITS = {
    "one output": (ends((1,)), {"binary", "regression"}),
    "scalar": (ends(()), {"binary", "regression"}),
    "four outputs": (ends((4,)), {"multiclass", "multilabel", "regression"}),
    "four in and out": (
        ends((4,), None, (4,)),
        {"multiclass", "multilabel", "regression", "reconstruction"},
    ),
    "positions": (ends((64, 3), None, (64, 1)), {"segmentation", "regression"}),
    "image": (
        ends((8, 8, 1), None, (8, 8, 1)),
        {"segmentation", "regression", "reconstruction"},
    ),
}


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("name", FITS)
def test_requested_task_is_chosen_when_it_fits(name, task):
    model_ends, fitting = FITS[name]
    if task in fitting:
        for y in (None, CLASSES, REALS):
            choice = choose_task(model_ends, y, str(task))
            assert (choice.task, choice.reason) == (task, "as requested")
        return
    with pytest.raises(InputError) as error:
        choose_task(model_ends, CLASSES, str(task))
    message = str(error.value)
    assert f"task {task} does not fit an output of shape {list(model_ends.output_shape)}" in message
    possible = message.split("Possible: ")[1].rstrip(".").split(", ")
    assert set(possible) == fitting


@pytest.mark.parametrize(("activation", "threshold"), [(None, 0.0), ("sigmoid", 0.5)])
def test_threshold_follows_activation_when_task_is_requested(activation, threshold):
    assert choose_task(ends((1,), activation), None, "binary").threshold == threshold
    assert choose_task(ends((4,), activation), None, "multilabel").threshold == threshold


def test_requested_task_fails_clearly_when_it_is_unknown():
    with pytest.raises(InputError, match="classification"):
        choose_task(ends((4,)), CLASSES, "classification")


# --- TaskChoice and Task ---------------------------------------------------------------------


def test_choice_names_task_and_reason_when_it_is_printed():
    choice = choose_task(ends((1,)), CLASSES % 2)
    assert str(choice) == ("binary (one output without activation, labels 0 and 1, threshold 0)")


def test_task_has_classes_when_outputs_are_decisions():
    without = {task for task in Task if not task.has_classes}
    assert without == {Task.REGRESSION, Task.RECONSTRUCTION}


# --- ModelEnds -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "output", "expected"),
    [
        ((5,), (), {"classes": 1, "is_scalar": True, "has_positions": False}),
        ((5,), (1,), {"classes": 1, "is_scalar": True, "has_positions": False}),
        ((5,), (1, 1), {"classes": 1, "is_scalar": True, "has_positions": False}),
        ((5,), (4,), {"classes": 4, "is_scalar": False, "has_positions": False}),
        ((64, 1), (64, 3), {"classes": 3, "is_scalar": False, "has_positions": True}),
        ((64, 1), (64, 1), {"classes": 1, "is_scalar": False, "has_positions": True}),
    ],
)
def test_ends_describe_output_when_shape_is_given(inputs, output, expected):
    model_ends = ends(output, None, inputs)
    assert {name: getattr(model_ends, name) for name in expected} == expected
    size = math.prod(output)
    assert model_ends.mirrors_input == (size > 1 and size == math.prod(inputs))


TRAILS = [
    [],
    ["DEQUANTIZE"],
    ["QUANTIZE"],
    ["RESHAPE"],
    ["RESHAPE", "QUANTIZE"],
    ["QUANTIZE", "RESHAPE", "DEQUANTIZE"],
]


@pytest.mark.parametrize("trail", TRAILS, ids="-".join)
@pytest.mark.parametrize(
    ("last", "activation"),
    [
        ("SOFTMAX", "softmax"),
        ("LOGISTIC", "sigmoid"),
        ("FULLY_CONNECTED", None),
        ("TANH", None),
        ("RELU", None),
    ],
)
def test_ends_find_activation_when_types_change_after_it(trail, last, activation):
    chain = [("CONV_2D", (1, 5)), (last, (1, 4)), *((name, (1, 4)) for name in trail)]
    model_ends = ModelEnds.of_graph(make_graph(chain))
    assert model_ends == ModelEnds((InputPort("t0", (50, 3)),), (4,), activation)


def test_ends_have_last_shape_when_output_is_reshaped():
    chain = [("SOFTMAX", (1, 64, 3)), ("RESHAPE", (1, 8, 8, 3)), ("DEQUANTIZE", (1, 8, 8, 3))]
    assert ModelEnds.of_graph(make_graph(chain)) == ModelEnds(
        (InputPort("t0", (50, 3)),), (8, 8, 3), "softmax"
    )


def test_ends_have_no_activation_when_softmax_is_not_last():
    chain = [("SOFTMAX", (1, 4)), ("FULLY_CONNECTED", (1, 4))]
    assert ModelEnds.of_graph(make_graph(chain)).activation is None


def test_ends_have_no_activation_when_output_is_the_input():
    """Nothing writes the output, or only operators that change its type."""
    assert ModelEnds.of_graph(make_graph([])) == ModelEnds(
        (InputPort("t0", (50, 3)),), (50, 3), None
    )
    chain = [("QUANTIZE", (1, 50, 3)), ("DEQUANTIZE", (1, 50, 3))]
    assert ModelEnds.of_graph(make_graph(chain)).activation is None


def test_ends_follow_only_the_output_when_branches_exist():
    """The second branch ends in a softmax, but the output is the first one."""
    shapes = [(1, 5), (1, 4), (1, 4)]
    tensors = tuple(Tensor(i, f"t{i}", shape, "int8") for i, shape in enumerate(shapes))
    operators = (Operator("LOGISTIC", (0,), (1,)), Operator("SOFTMAX", (0,), (2,)))
    graph = Graph(tensors, operators, (0,), (1,))
    assert ModelEnds.of_graph(graph).activation == "sigmoid"
    assert ModelEnds.of_graph(dataclasses.replace(graph, outputs=(2,))).activation == "softmax"


def test_ends_stop_when_operators_form_a_loop():
    """A file may name any tensor as the input of an operator: its own output, for example."""
    tensors = tuple(Tensor(i, f"t{i}", (1, 4), "int8") for i in range(2))
    graph = Graph(tensors, (Operator("RESHAPE", (1,), (1,)),), (0,), (1,))
    previous = signal.signal(signal.SIGALRM, _fail)
    signal.setitimer(signal.ITIMER_REAL, 2)
    try:
        assert ModelEnds.of_graph(graph).activation is None
    except InputError:  # it may also be refused
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _fail(*_: object) -> None:
    raise TimeoutError("of_graph does not end")
