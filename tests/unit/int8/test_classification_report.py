"""Tests of outputs, decisions and accuracy of a model, as `snugnet run` prints them."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.int8.classification_report import OutputsReport, report_predictions
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import parse_graph
from tests.tflite_files import Node, Tensor, single, write

RNG = np.random.default_rng(0)
COUNT = 40
SCALE = 1 / 16


def make_model(shape: Sequence[int], ends: Sequence[str] = ()) -> Model:
    """Make a model whose output is its input, or the sigmoid or softmax of it."""
    tensors = [Tensor((1, *shape), "int8", SCALE), Tensor((1, *shape), "int8", SCALE)]
    nodes = [Node("QUANTIZE", [0], [1])]
    for name in ends:
        options = {"kind": "SoftmaxOptions", "beta": 1.0} if name == "SOFTMAX" else None
        nodes.append(Node(name, [len(tensors) - 1], [len(tensors)], options))
        tensors.append(Tensor((1, *shape), "int8", 1 / 256, -128))
    file = write(tensors, nodes, [0], [len(tensors) - 1])
    return Model(parse_graph(file, "file"))


def draw(shape: Sequence[int]) -> np.ndarray:
    """Draw samples that the input type represents exactly; the scores of a sample differ."""
    levels = RNG.integers(-32, 32, (COUNT, *shape))
    if shape[-1] > 1:
        ranks = RNG.random((COUNT, *shape)).argsort(axis=-1)
        levels = ranks * (64 // shape[-1]) - 28
    return (levels * SCALE).astype(np.float32)


@pytest.mark.parametrize("ends", [(), ("SOFTMAX",), ("LOGISTIC",)])
def test_accuracy_is_of_classes_when_labels_are_one_hot(ends):
    """Not of the elements of the labels."""
    x = draw((4,))
    y = np.where(np.arange(COUNT) % 2, x.argmax(1), (x.argmax(1) + 1) % 4)
    model = make_model((4,), ends)
    for labels in (y, np.eye(4)[y], np.eye(4, dtype=int)[y], y.astype(float), y[:, np.newaxis]):
        report = report_predictions(model, x, labels)
        assert str(report.task.task) == "multiclass"
        assert report.accuracy == 0.5
        assert (report.error, report.reason) == (None, None)


def test_decisions_are_classes_when_output_is_softmax():
    x = draw((4,))
    report = report_predictions(make_model((4,), ("SOFTMAX",)), x, None)
    assert report.decision == x.argmax(axis=1).tolist()
    assert np.shape(report.raw) == (COUNT, 4)
    assert (report.accuracy, report.error, report.reason) == (None, None, None)


@pytest.mark.parametrize(("ends", "threshold"), [((), 0.0), (("LOGISTIC",), 0.5)])
def test_decisions_use_threshold_when_there_is_one_output(ends, threshold):
    """The decision boundary of a logit is 0, that of its sigmoid is 0.5."""
    x = draw((1,))
    y = (x[:, 0] >= 0).astype(int)
    report = report_predictions(make_model((1,), ends), x, y)
    assert str(report.task.task) == "binary"
    assert report.task.threshold == threshold
    assert report.decision == y.tolist()
    assert report.accuracy == 1.0


def test_decisions_are_labels_when_task_is_multilabel():
    x = draw((4,))
    y = (x >= 0).astype(int)
    report = report_predictions(make_model((4,), ("LOGISTIC",)), x, y)
    assert str(report.task.task) == "multilabel"
    assert report.decision == y.tolist()
    assert report.accuracy == 1.0


@pytest.mark.parametrize("classes", [1, 3])
def test_decisions_are_of_positions_when_segmented(classes):
    """A class for each step; the labels of a quarter of the steps are wrong."""
    x = draw((8, classes))
    y = x.argmax(axis=-1) if classes > 1 else (x[..., 0] >= 0).astype(int)
    model = make_model((8, classes), ("LOGISTIC",))
    report = report_predictions(model, x, y)
    assert str(report.task.task) == "segmentation"
    assert report.decision == y.tolist()
    assert report.accuracy == 1.0
    y[:, :2] = (y[:, :2] + 1) % max(classes, 2)
    assert report_predictions(model, x, y).accuracy == 0.75


def test_error_is_mean_when_task_is_regression():
    x = draw((1,))
    target = x[:, 0] + np.where(np.arange(COUNT) % 2, 1, -3)
    report = report_predictions(make_model((1,)), x, target)
    assert str(report.task.task) == "regression"
    assert report.error == pytest.approx(2.0)
    assert report.accuracy is None
    np.testing.assert_allclose(report.decision, x)


def test_error_is_of_the_input_when_task_is_reconstruction():
    x = draw((12,))
    model = make_model((12,))
    for labels in (x, np.arange(COUNT) % 2):
        report = report_predictions(model, x + 0.25 * SCALE, labels)
        assert str(report.task.task) == "reconstruction"
        assert report.error == pytest.approx(0.25 * SCALE, rel=1e-4)
        assert report.accuracy is None


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (np.arange(COUNT) % 4 + 1, "The labels count from 1: save y - 1."),
        (np.array(list("NSVF"))[np.arange(COUNT) % 4], "in the order of the model's outputs"),
        (np.full(COUNT, 0.5), "save integers"),
    ],
)
def test_reason_names_remedy_when_labels_do_not_fit(y, reason):
    """The outputs are printed all the same, and no accuracy of 0."""
    x = draw((4,))
    report = report_predictions(make_model((4,), ("SOFTMAX",)), x, y)
    assert reason in report.reason
    assert report.accuracy is None
    assert report.decision == x.argmax(axis=1).tolist()
    assert "accuracy" not in report.to_json()


def test_accuracy_follows_names_when_their_order_is_given():
    x = draw((4,))
    names = np.array(list("NSVF"))
    model = make_model((4,), ("SOFTMAX",))
    assert report_predictions(model, x, names[x.argmax(1)], tuple(names)).accuracy == 1.0


def test_report_has_requested_task_when_it_fits():
    x = draw((4,))
    model = make_model((4,), ("LOGISTIC",))
    report = report_predictions(model, x, None, task="multiclass")
    assert report.decision == x.argmax(axis=1).tolist()
    with pytest.raises(InputError, match="task binary does not fit"):
        report_predictions(model, x, None, task="binary")


@pytest.mark.parametrize("shape", [(1,), (4,), (8, 3)])
def test_report_is_valid_json_when_it_is_converted(shape):
    x = draw(shape)
    report = report_predictions(make_model(shape), x, None)
    parsed = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert parsed["task"] == str(report.task.task)
    assert parsed["task_reason"] == report.task.reason
    assert {"raw", "decision", "task", "task_reason"} <= set(parsed)
    assert not {"accuracy", "error", "reason"} & set(parsed)


def test_report_has_outputs_alone_when_there_are_several():
    source = Tensor((1, 4), "int8", SCALE)
    part = Tensor((1, 2), "int8", SCALE)
    axis = Tensor((), "int32", values=np.array(1, np.int32))
    options = {"kind": "SplitOptions", "numSplits": 2}
    file = single("SPLIT", [axis, source], [part, part], options)
    report = report_predictions(Model(parse_graph(file, "file")), draw((4,)), None)
    assert isinstance(report, OutputsReport)
    assert np.shape(report.outputs) == (2, COUNT, 2)
