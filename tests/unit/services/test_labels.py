"""Tests of labelled samples from the data of a user."""

from collections.abc import Sequence

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.inputs import InputPort
from snugnet.core.tasks import ModelEnds
from snugnet.services.labels import build_samples
from snugnet.services.user_data import Data

RNG = np.random.default_rng(0)
COUNT = 30
CLASSES = np.arange(COUNT) % 3
NAMES = ("N", "S", "V")


def ends(output: Sequence[int], activation: str | None, inputs: Sequence[int] = (20,)) -> ModelEnds:
    return ModelEnds((InputPort("x", tuple(inputs)),), tuple(output), activation)


def make_data(y: np.ndarray | None, inputs: Sequence[int] = (20,), **changes: object) -> Data:
    x = RNG.normal(size=(COUNT, *inputs)).astype(np.float32)
    return Data(x, y, **changes)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", None])
@pytest.mark.parametrize("y", [CLASSES, CLASSES.astype(float), np.eye(3)[CLASSES]])
def test_samples_have_one_class_when_labels_have_any_form(activation, y):
    """One-hot labels, classes as floats, and integers are the same labels."""
    samples, choice = build_samples(make_data(y), ends((3,), activation), "data")
    np.testing.assert_array_equal(samples.y, CLASSES)
    assert (samples.task, str(choice.task)) == ("multiclass", "multiclass")
    assert samples.class_names == ("0", "1", "2")


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", None])
def test_samples_follow_order_when_labels_are_names(activation):
    data = make_data(np.array(["V", "N", "S"])[CLASSES], class_names=NAMES)
    samples, _ = build_samples(data, ends((3,), activation), "data")
    np.testing.assert_array_equal(samples.y, np.array([2, 0, 1])[CLASSES])
    assert samples.class_names == NAMES


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", None])
def test_samples_are_refused_when_labels_count_from_one(activation):
    """The message names the remedy, whatever the last layer is."""
    with pytest.raises(InputError, match=r"data: .*The labels count from 1: save y - 1\."):
        build_samples(make_data(CLASSES + 1), ends((3,), activation), "data")


@pytest.mark.parametrize(("activation", "threshold"), [(None, 0.0), ("sigmoid", 0.5)])
def test_samples_have_threshold_when_task_is_binary(activation, threshold):
    samples, choice = build_samples(make_data(CLASSES % 2), ends((1,), activation), "data")
    assert samples.task == "binary"
    assert samples.threshold == choice.threshold == threshold


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
@pytest.mark.parametrize("inputs", [(20,), (4, 5, 1)])
@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_samples_are_reconstructed_when_y_is_binary_x(inputs, activation, dtype):
    """Images of 0 and 1, which an autoencoder reconstructs."""
    x = RNG.integers(0, 2, (COUNT, *inputs)).astype(dtype)
    samples, choice = build_samples(Data(x, x.copy()), ends(inputs, activation, inputs), "data")
    assert str(choice.task) == "reconstruction"
    assert len(samples.y) == 0


def test_samples_are_reconstructed_when_y_is_real_x():
    data = make_data(None)
    samples, choice = build_samples(Data(data.x, data.x), ends((20,), "sigmoid"), "data")
    assert str(choice.task) == "reconstruction"
    assert len(samples.y) == 0


def test_samples_mark_anomalies_when_labels_are_0_and_1():
    samples, _ = build_samples(make_data(CLASSES % 2), ends((20,), "sigmoid"), "data")
    assert samples.task == "reconstruction"
    np.testing.assert_array_equal(samples.y, CLASSES % 2)


def test_samples_keep_group_when_data_has_one():
    data = make_data(CLASSES, group=np.arange(COUNT) // 5)
    samples, _ = build_samples(data, ends((3,), "softmax"), "data")
    np.testing.assert_array_equal(samples.group, data.group)
    np.testing.assert_array_equal(samples.x, data.x)


def test_samples_have_requested_task_when_it_fits():
    data = make_data(np.eye(3)[CLASSES])
    samples, choice = build_samples(data, ends((3,), None), "data", "regression")
    assert (samples.task, choice.reason) == ("regression", "as requested")
    np.testing.assert_array_equal(samples.y, np.eye(3)[CLASSES])


def test_samples_are_refused_when_there_are_no_labels():
    with pytest.raises(InputError, match=r"data: no labels\. Add an array y"):
        build_samples(make_data(None), ends((3,), "softmax"), "data")
