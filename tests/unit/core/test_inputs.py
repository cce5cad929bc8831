"""Tests of samples for several inputs."""

import io

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.inputs import (
    InputPort,
    check_input_names,
    join_inputs,
    list_sample_inputs,
    map_inputs,
    name_inputs,
    order_inputs,
    split_inputs,
    to_float32,
    to_keras,
)

WAVE = np.arange(24, dtype=np.float32).reshape(4, 6, 1)
AGE = np.arange(4, dtype=np.int16).reshape(4, 1)
PORTS = (InputPort("wave", (6, 1)), InputPort("age", (1,)))


@pytest.fixture
def x() -> np.ndarray:
    return join_inputs({"wave": WAVE, "age": AGE})


def test_join_inputs_keeps_arrays_when_split_again(x):
    assert x.shape == (4,)
    arrays = split_inputs(x)
    assert list(arrays) == ["wave", "age"]
    np.testing.assert_array_equal(arrays["wave"], WAVE)
    np.testing.assert_array_equal(arrays["age"], AGE)
    assert arrays["age"].dtype == np.int16


def test_join_inputs_returns_array_when_there_is_one():
    assert join_inputs({"wave": WAVE}) is WAVE
    assert split_inputs(WAVE)[""] is WAVE


def test_join_inputs_names_counts_when_they_differ():
    with pytest.raises(InputError, match=r"data\.npz: .* wave has 4, age has 3"):
        join_inputs({"wave": WAVE, "age": AGE[:3]}, "data.npz")


def test_joined_inputs_are_saved_when_pickle_is_forbidden(x):
    stream = io.BytesIO()
    np.savez(stream, x=x)
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["x"], x)


def test_joined_inputs_select_samples_when_indexed(x):
    index = np.array([2, 0])
    np.testing.assert_array_equal(split_inputs(x[index])["wave"], WAVE[index])
    np.testing.assert_array_equal(np.concatenate([x[:1], x[1:]]), x)


def test_map_inputs_changes_each_array_when_there_are_several(x):
    doubled = map_inputs(lambda array: array * 2, x)
    np.testing.assert_array_equal(split_inputs(doubled)["age"], AGE * 2)
    assert {array.dtype for array in split_inputs(to_float32(x)).values()} == {np.dtype("float32")}


def test_to_keras_returns_mapping_when_there_are_several(x):
    arrays = to_keras(x)
    np.testing.assert_array_equal(arrays["wave"], WAVE)
    assert arrays["age"].dtype == np.float32
    assert isinstance(to_keras(WAVE), np.ndarray)


def test_list_sample_inputs_returns_shapes_when_joined(x):
    assert list_sample_inputs(x) == PORTS
    assert list_sample_inputs(WAVE) == (InputPort("", (6, 1)),)


@pytest.mark.parametrize("ports", [PORTS, PORTS[::-1]])
def test_order_inputs_matches_names_when_they_are_equal(x, ports):
    for port, array in zip(ports, order_inputs(x, ports, "m"), strict=True):
        np.testing.assert_array_equal(array, split_inputs(x)[port.name])


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        (PORTS[:1], "m: the samples are for wave, age, but the inputs of the model are"),
        ((PORTS[0], InputPort("sex", (1,))), r"inputs of the model are wave \(6, 1\), sex \(1,\)"),
        (
            (PORTS[0], InputPort("age", (2,))),
            r"m: samples of input age have shape \(1,\); the model expects \(2,\)",
        ),
    ],
)
def test_order_inputs_names_input_when_it_does_not_fit(x, ports, words):
    with pytest.raises(InputError, match=words):
        order_inputs(x, ports, "m")


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("serving_default_age:0", "age"),
        ("age", "age"),
        ("age:0", "age"),
        ("serving_default_input_1:0", "input_1"),
        (":0", ":0"),
        ("", "_0"),
    ],
)
def test_name_inputs_returns_keras_name_when_it_was_changed(tensor, name):
    assert name_inputs([tensor]) == [name]


def test_name_inputs_returns_unique_names_when_some_are_equal():
    names = name_inputs(["a_2", "serving_default_a:0", "a", "a"])
    assert names == ["a_2", "a", "a_3", "a_4"]


@pytest.mark.parametrize("name", ["y", "group", "class_names", "fold", "split", "scale"])
def test_check_input_names_fails_when_name_has_another_role(name):
    ports = (InputPort("wave", (6, 1)), InputPort(name, (1,)))
    with pytest.raises(InputError, match=f"m.h5: an input .* cannot have the name '{name}'"):
        check_input_names(ports, "m.h5")
    check_input_names(ports[1:], "m.h5")  # the name of a single input is not used
