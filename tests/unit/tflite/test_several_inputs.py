"""Tests that the inputs of a file are those of the model, whatever their names and order are.

The converter orders inputs by a hash of their names. A wrong order is an error if the shapes
differ; with equal shapes, it is seen only in the outputs.
"""

import numpy as np
import pytest

from snugnet.core.inputs import join_inputs, to_keras
from snugnet.core.tflite_schemes import NETWORK_SCHEME, SCHEMES
from snugnet.tflite.model_file import ModelFile
from snugnet.tflite.runtimes.litert import predict

# Names and sizes of the inputs, in the order of the model.
INPUTS = {
    "equal": {"a": 4, "b": 4},
    "reversed": {"b": 4, "a": 4},
    "different": {"ecg": 8, "age": 2},
    "three": {"input_1": 3, "input_2": 3, "input_3": 3},
    "eleven": {f"in_{i}": 2 for i in range(11)},
}
# Largest difference between a file and Keras, relative to the range of the outputs. That of swapped
# inputs is far larger.
TOLERANCES = {"float32": 1e-5, "float16": 0.01, "drq": 0.1, "int16x8": 0.05}


@pytest.fixture(scope="module", params=list(INPUTS))
def network(keras, request):
    """A model whose inputs have different ranges and weights, with samples."""
    layers = keras.tf_keras.layers
    sizes = INPUTS[request.param]
    keras.tf_keras.utils.set_random_seed(1)
    inputs = [layers.Input((size,), name=name) for name, size in sizes.items()]
    parts = [layers.Dense(6, activation="relu")(tensor) for tensor in inputs]
    outputs = layers.Dense(3)(layers.Concatenate()(parts))
    rng = np.random.default_rng(0)
    arrays = {
        name: (rng.normal(size=(48, size)) * (1 + i)).astype(np.float32)
        for i, (name, size) in enumerate(sizes.items())
    }
    return keras.tf_keras.Model(inputs, outputs), join_inputs(arrays)


def compare(file: bytes, model, x: np.ndarray) -> float:
    """Return the largest difference between the outputs of a file and of Keras, in ranges."""
    expected = model.predict(to_keras(x), verbose=0)
    scores = predict(ModelFile.parse(file, "file"), x).scores()
    return float(np.abs(scores - expected).max() / np.ptp(expected))


@pytest.mark.parametrize("scheme", ["float32", "float16", "drq", NETWORK_SCHEME, "int16x8"])
def test_convert_keeps_inputs_when_order_changes(network, scheme):
    from snugnet.tflite.convert import convert

    model, x = network
    file = convert(model, SCHEMES[scheme], x)
    assert compare(file, model, x) < TOLERANCES.get(scheme, 0.1)


@pytest.mark.parametrize("scheme", ["fiq_int8", "fiq_uint8"])
def test_change_io_types_keeps_inputs_when_order_changes(network, scheme):
    from snugnet.tflite.convert import change_io_types, convert

    model, x = network
    file = change_io_types(convert(model, SCHEMES[NETWORK_SCHEME], x), SCHEMES[scheme])
    assert compare(file, model, x) < 0.1


def test_mixed_precision_keeps_inputs_when_order_changes(network):
    from snugnet.tflite.debug import prepare_mixed_precision

    model, x = network
    layers, convert = prepare_mixed_precision(model, x)
    file = convert([layers[-1].tensor])
    assert compare(file, model, x) < 0.1


def test_measure_layers_reports_small_errors_when_order_changes(network):
    from snugnet.tflite.debug import measure_layers

    model, x = network
    errors = measure_layers(model, x)
    assert errors
    assert all(error.rmse_per_scale is None or error.rmse_per_scale < 2 for error in errors)
