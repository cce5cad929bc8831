"""Tests of predictions with LiteRT: recurrent layers, batches, and models that fail."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from snugnet.core.budget import DEFAULT_BUDGET
from snugnet.core.errors import InputError
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.services.resources import check_resources
from snugnet.tflite.flatbuffer import read_graph
from snugnet.tflite.model_file import ModelFile
from snugnet.tflite.runtimes.litert import measure_latency, predict
from tests.tflite_files import Tensor, constant, single

STEPS, CHANNELS, COUNT = 12, 3, 13


@pytest.fixture(scope="module")
def recurrent(keras, tmp_path_factory):
    """A tiny LSTM that remembers for long, as Keras model and as files: `model`, `x`, `paths`."""
    from snugnet.tflite.convert import make_converter

    layers = keras.tf_keras.layers
    keras.tf_keras.utils.set_random_seed(3)
    model = keras.tf_keras.Sequential(
        [
            layers.Input((STEPS, CHANNELS)),
            layers.LSTM(4, name="memory"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    kernel, recurrent_kernel, bias = model.get_layer("memory").get_weights()
    bias[4:8] = 4  # the forget gates stay open
    model.get_layer("memory").set_weights([kernel * 2, recurrent_kernel * 2, bias])
    dense, offset = model.layers[-1].get_weights()
    model.layers[-1].set_weights([dense * 4, offset])
    x = np.random.default_rng(0).normal(size=(COUNT, STEPS, CHANNELS)).astype(np.float32)
    paths = {}
    for scheme in ("float32", "fiq_int8"):
        paths[scheme] = tmp_path_factory.mktemp(scheme) / "model.tflite"
        calibration = x if SCHEMES[scheme].calibrated else None
        # With frozen variables, the LSTM is a loop. As one operator, it has tensors with a state.
        converter = make_converter(model, SCHEMES[scheme], calibration, frozen=False)
        paths[scheme].write_bytes(converter.convert())
    return SimpleNamespace(model=model, x=x, paths=paths)


SCHEME_NAMES = pytest.mark.parametrize("scheme", ["float32", "fiq_int8"])


@SCHEME_NAMES
def test_file_keeps_state_when_it_is_not_reset(recurrent, scheme):
    """The tests below need a model whose state lasts: two invocations give two outputs."""
    graph = read_graph(recurrent.paths[scheme])
    assert [operator.name for operator in graph.operators if "LSTM" in operator.name]
    assert any(tensor.variable for tensor in graph.tensors)
    interpreter = Interpreter(model_path=str(recurrent.paths[scheme]))
    interpreter.allocate_tensors()
    details, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    sample = ModelFile.read(recurrent.paths[scheme]).quantize_input(recurrent.x[:1])
    results = []
    for _ in range(2):
        interpreter.set_tensor(details["index"], sample)
        interpreter.invoke()
        results.append(interpreter.get_tensor(output["index"]))
    assert not np.array_equal(*results)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 13, 64])
def test_predict_equals_keras_when_layer_is_recurrent(recurrent, batch_size):
    prediction = predict(recurrent.paths["float32"], recurrent.x, batch_size)
    expected = recurrent.model.predict(recurrent.x, verbose=0)
    np.testing.assert_allclose(prediction.scores(), expected, atol=1e-5)


@SCHEME_NAMES
@pytest.mark.parametrize("batch_size", [2, 5, 13, 64])
def test_predict_is_equal_when_samples_are_in_batches(recurrent, scheme, batch_size):
    single_samples = predict(recurrent.paths[scheme], recurrent.x, 1).scores()
    batches = predict(recurrent.paths[scheme], recurrent.x, batch_size).scores()
    np.testing.assert_allclose(batches, single_samples, atol=1e-6)


@SCHEME_NAMES
@pytest.mark.parametrize("batch_size", [1, 4])
def test_predict_is_equal_when_order_of_samples_differs(recurrent, scheme, batch_size):
    order = np.random.default_rng(1).permutation(COUNT)
    expected = predict(recurrent.paths[scheme], recurrent.x, batch_size).scores()[order]
    shuffled = predict(recurrent.paths[scheme], recurrent.x[order], batch_size).scores()
    np.testing.assert_allclose(shuffled, expected, atol=1e-6)


@SCHEME_NAMES
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_predict_gives_equal_rows_when_samples_are_equal(recurrent, scheme, batch_size):
    x = np.repeat(recurrent.x[:1], 7, axis=0)
    scores = predict(recurrent.paths[scheme], x, batch_size).scores()
    np.testing.assert_array_equal(scores, np.repeat(scores[:1], 7, axis=0))


def test_predict_is_close_to_float_when_lstm_is_int8(recurrent):
    expected = recurrent.model.predict(recurrent.x, verbose=0)
    scores = predict(recurrent.paths["fiq_int8"], recurrent.x).scores()
    assert np.abs(scores - expected).max() < 0.2
    assert np.mean(scores.argmax(axis=1) == expected.argmax(axis=1)) > 0.8


# --- Models that fail --------------------------------------------------------------------------


@pytest.fixture
def gather(save):
    """A file that looks three indices up in a table of four rows."""
    file = single(
        "GATHER",
        [constant(np.arange(8).reshape(4, 2), "float32"), Tensor((1, 3), "int32")],
        [Tensor((1, 3, 2), "float32")],
        {"kind": "GatherOptions", "axis": 0, "batchDims": 0},
    )
    return save(file)


def test_predict_returns_rows_when_indices_are_in_range(gather):
    x = np.array([[0, 1, 2], [3, 3, 0], [1, 0, 1]], np.float32)
    expected = np.arange(8.0).reshape(4, 2)[x.astype(int)].reshape(3, -1)
    for batch_size in (1, 2, 64):
        np.testing.assert_array_equal(predict(gather, x, batch_size).scores(), expected)


@pytest.fixture
def pairs(tmp_path):
    """A file that takes two samples at a time, because it reshapes to a fixed shape."""
    shape, options = constant([2, 3]), {"kind": "ReshapeOptions"}
    path = tmp_path / "pairs.tflite"
    inputs = [Tensor((2, 3), "float32"), shape]
    path.write_bytes(single("RESHAPE", inputs, [Tensor((2, 3), "float32")], options))
    return path


@pytest.mark.parametrize("count", [1, 2, 5])
def test_predict_returns_all_samples_when_batch_is_fixed(pairs, count):
    x = np.arange(3 * count, dtype=np.float32).reshape(count, 3)
    np.testing.assert_array_equal(predict(pairs, x).scores(), x)


def test_measure_latency_fails_when_batch_is_fixed(pairs):
    with pytest.raises(InputError, match=r"one inference takes 2 samples\."):
        measure_latency(pairs, np.zeros((1, 3), np.float32), runs=1, warm_up=0)


@pytest.mark.parametrize(("batch_size", "start"), [(1, 3), (2, 2), (64, 0)])
@pytest.mark.parametrize("index", [4, 1000, -1])
def test_predict_fails_clearly_when_model_rejects_samples(gather, batch_size, start, index):
    x = np.zeros((5, 3), np.float32)
    x[3, 1] = index
    with pytest.raises(InputError) as error:
        predict(gather, x, batch_size)
    message = str(error.value)
    assert message.startswith(f"{gather}: LiteRT cannot run it on the samples from {start} on (")
    assert "GATHER" in message
    assert message.endswith("give samples that the model accepts.")
    assert "\n" not in message
    assert len(message) < len(str(gather)) + 500


def test_latency_fails_clearly_when_model_rejects_samples(gather):
    with pytest.raises(InputError, match="LiteRT cannot run it"):
        measure_latency(gather, np.full((2, 3), 9, np.float32), runs=2, warm_up=1)


def test_predict_fails_clearly_when_there_are_no_samples(gather):
    with pytest.raises(InputError, match="no samples to predict"):
        predict(gather, np.zeros((0, 3), np.float32))


def test_predict_names_shapes_when_samples_do_not_fit(gather):
    with pytest.raises(InputError, match=r"samples have shape \(4,\); the model expects \(3,\)"):
        predict(gather, np.zeros((2, 4), np.float32))


def test_predict_fails_clearly_when_file_is_damaged(save):
    path = save(b"no model at all, but a few bytes of text")
    with pytest.raises(InputError, match=r"not a \.tflite file"):
        predict(path, np.zeros((1, 3), np.float32))


def convert_file_writer(keras, canary: Path) -> bytes:
    """Convert a function that writes a file; TensorFlow would run its operator in LiteRT."""
    tf = keras.tf

    @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32)])
    def write(x):
        tf.io.write_file(str(canary), tf.strings.as_string(x[0, 0]))
        return x + 1.0

    converter = tf.lite.TFLiteConverter.from_concrete_functions([write.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.SELECT_TF_OPS]
    return converter.convert()


def test_predict_refuses_file_when_tensorflow_runs_operator(keras, tmp_path):
    path, canary = tmp_path / "evil.tflite", tmp_path / "canary"
    path.write_bytes(convert_file_writer(keras, canary))
    x = np.zeros((3, 4), np.float32)
    for file in (path, ModelFile(path.read_bytes(), read_graph(path), "evil")):
        with pytest.raises(InputError, match=r"TensorFlow runs the operators .*FlexWriteFile"):
            predict(file, x)
        with pytest.raises(InputError, match="FlexWriteFile"):
            measure_latency(path, x, 1, 0)
    with pytest.raises(InputError, match=r"without Select TensorFlow operators\.$"):
        check_resources(path, read_graph(path), 1, DEFAULT_BUDGET)
    assert not canary.exists()
    # Without the check, LiteRT runs the operator, because this process has imported TensorFlow.
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    interpreter.invoke()
    assert canary.exists()
