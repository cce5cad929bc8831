"""Tests of the check that a model from a file fits a dataset."""

from pathlib import Path

import pytest

from snugnet.core.errors import InputError
from snugnet.core.inputs import InputPort

ECG, AGE = InputPort("ecg", (32,)), InputPort("age", (2,))


def make_model(keras, *ports: InputPort):
    layers = keras.tf_keras.layers
    inputs = [layers.Input(port.shape, name=port.name) for port in ports]
    x = layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    return keras.tf_keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


@pytest.mark.parametrize(
    ("model_inputs", "dataset_inputs", "problem"),
    [
        (
            [ECG],
            [InputPort("", (16, 2))],
            "the input has shape (32,), but the dataset has (16, 2); set `shape` of the dataset to "
            "reshape its samples",
        ),
        (
            [ECG, AGE],
            [ECG, InputPort("age", (1, 2))],
            "input age has shape (2,), but the dataset has (1, 2); set `shape` of the dataset to "
            "reshape its samples",
        ),
        (
            [ECG],
            [ECG, AGE],
            "the model has one input, but the dataset has 2; name one array with "
            "`arrays: {x: NAME}` of the dataset",
        ),
        (
            [ECG, AGE],
            [InputPort("", (32,))],
            "the model has 2 inputs (ecg (32,), age (2,)), but the dataset has 1; name an array "
            "for each with `arrays: {x: {INPUT: NAME}}` of the dataset",
        ),
        (
            [ECG, AGE],
            [ECG, InputPort("years", (2,))],
            "the inputs are ecg (32,), age (2,), but `arrays.x` of the dataset names ecg, years",
        ),
    ],
)
def test_check_names_problem_when_inputs_differ(keras, model_inputs, dataset_inputs, problem):
    from snugnet.models.architectures.pretrained import check

    model = make_model(keras, *model_inputs)
    with pytest.raises(InputError) as error:
        check(model, Path("model.h5"), dataset_inputs, "multiclass", 3)
    assert str(error.value) == f"model.h5: {problem}"


@pytest.mark.parametrize(
    ("model_inputs", "dataset_inputs"),
    [([ECG], [InputPort("", (32,))]), ([ECG, AGE], [AGE, ECG])],
)
def test_check_passes_when_inputs_are_equal(keras, model_inputs, dataset_inputs):
    from snugnet.models.architectures.pretrained import check

    model = make_model(keras, *model_inputs)
    check(model, Path("model.h5"), dataset_inputs, "multiclass", 3)
