"""Tests of the conversion to .tflite files, of contracts and of predictions."""

import dataclasses

import numpy as np
import pytest

from snugnet.core.affine import convert_to_type
from snugnet.core.errors import InputError
from snugnet.core.tflite_graph import Graph
from snugnet.core.tflite_schemes import (
    CONVERTED_SCHEMES,
    DERIVED_SCHEMES,
    FULL_INT8,
    MAIN_SCHEMES,
    NETWORK_SCHEME,
    SCHEMES,
)
from snugnet.tflite.boundary import compute_network_digest
from snugnet.tflite.contract import check_contract
from snugnet.tflite.digest import compute_semantic_digest
from snugnet.tflite.flatbuffer import parse_graph, read_graph
from snugnet.tflite.runtimes.litert import Prediction, measure_latency, predict


@pytest.fixture(scope="module")
def files(trained, tmp_path_factory):
    """A file of each scheme."""
    from snugnet.tflite.convert import convert

    folder = tmp_path_factory.mktemp("tflite")
    for scheme in map(SCHEMES.get, CONVERTED_SCHEMES):
        calib = trained.samples.x[:32] if scheme.calibrated else None
        (folder / scheme.name).write_bytes(convert(trained.model, scheme, calib))
    return folder


def test_contract_passes_when_file_has_its_scheme(files):
    for scheme in map(SCHEMES.get, CONVERTED_SCHEMES):
        contract = check_contract(read_graph(files / scheme.name), scheme).to_json()
        assert contract["verdict"] == "pass", (scheme.name, contract["findings"])
        assert contract["input"] == contract["output"] == scheme.input_output


@pytest.mark.parametrize("scheme", DERIVED_SCHEMES)
def test_derived_file_equals_converted_when_io_types_change(files, scheme):
    from snugnet.tflite.convert import change_io_types

    network = (files / NETWORK_SCHEME).read_bytes()
    derived = parse_graph(change_io_types(network, SCHEMES[scheme]), "derived")
    converted = read_graph(files / scheme)
    assert compute_semantic_digest(derived) == compute_semantic_digest(converted)
    assert compute_semantic_digest(derived) != compute_semantic_digest(
        read_graph(files / NETWORK_SCHEME)
    )


def test_network_digest_is_equal_when_only_boundary_differs(files):
    digests = {compute_network_digest(read_graph(files / scheme)) for scheme in FULL_INT8}
    assert len(digests) == 1
    assert compute_network_digest(read_graph(files / "int16x8")) not in digests


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ("float32", "fiq_int8"),
        ("float32", "fiq_float32"),
        ("float32", "float16"),
        ("drq", "fiq_float32"),
        ("fiq_float32", "fiq_int8"),
        ("fiq_int8", "fiq_uint8"),
        ("fiq_int8", "int16x8"),
        ("fiq_int8", "drq"),
        ("int16x8", "fiq_float32"),
    ],
)
def test_contract_fails_when_file_has_other_scheme(files, actual, expected):
    contract = check_contract(read_graph(files / actual), SCHEMES[expected]).to_json()
    assert contract["verdict"] == "fail"
    assert contract["findings"]


def test_contract_fails_when_weights_are_per_tensor(files):
    graph = read_graph(files / "fiq_int8")
    flat = tuple(dataclasses.replace(tensor, scales=tensor.scales[:1]) for tensor in graph.tensors)
    changed = Graph(flat, graph.operators, graph.inputs, graph.outputs)
    contract = check_contract(changed, SCHEMES["fiq_int8"]).to_json()
    assert any("scale(s) for" in finding for finding in contract["findings"])


def test_contract_fails_when_activation_has_other_type(files):
    graph = read_graph(files / "fiq_int8")
    index = graph.operators[0].outputs[0]
    wide = tuple(
        dataclasses.replace(tensor, dtype="int16") if tensor.index == index else tensor
        for tensor in graph.tensors
    )
    changed = Graph(wide, graph.operators, graph.inputs, graph.outputs)
    contract = check_contract(changed, SCHEMES["fiq_int8"]).to_json()
    assert any("in int16 instead of int8" in finding for finding in contract["findings"])


def test_contract_fails_when_batch_size_is_not_fixed(trained, keras, tmp_path):
    """A Reshape with an open batch is surrounded by SHAPE and PACK; with a batch of 1 it is not."""
    from snugnet.tflite.convert import convert

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [layers.InputLayer((4, 4, 1)), layers.Reshape((8, 2, 1)), layers.Conv2D(2, 2)]
    )
    opened = keras.tf.lite.TFLiteConverter.from_keras_model(model).convert()
    (tmp_path / "open").write_bytes(opened)
    contract = check_contract(read_graph(tmp_path / "open"), SCHEMES["float32"]).to_json()
    assert any("the batch size is not fixed" in finding for finding in contract["findings"])
    (tmp_path / "fixed").write_bytes(convert(model, SCHEMES["float32"]))
    assert check_contract(read_graph(tmp_path / "fixed"), SCHEMES["float32"]).is_kept


def test_drq_contract_lists_float_weights_when_layer_is_small(keras, tmp_path):
    from snugnet.core.settings.architectures.fc import Fc
    from snugnet.models.architectures import fc
    from snugnet.tflite.convert import convert

    model = fc.build(Fc(dense=(64,), dropout=0), (8, 8, 1), "multiclass", 10)
    (tmp_path / "drq").write_bytes(convert(model, SCHEMES["drq"]))
    contract = check_contract(read_graph(tmp_path / "drq"), SCHEMES["drq"]).to_json()
    # 64 x 64 weights are quantized; 64 x 10 are fewer than 1,024 and stay in float.
    assert len(contract["int8_weights"]) == 1
    assert len(contract["float_weights"]) == 1


def test_convert_gives_equal_bytes_when_models_are_equal(trained, files):
    from snugnet.tflite.convert import convert

    for scheme in (SCHEMES["float32"], SCHEMES["fiq_int8"]):
        again = convert(trained.model, scheme, trained.samples.x[:32])
        assert again == (files / scheme.name).read_bytes()


def test_convert_fails_when_calibration_samples_are_missing(trained):
    from snugnet.tflite.convert import convert

    with pytest.raises(InputError, match="scheme fiq_int8 requires calibration"):
        convert(trained.model, SCHEMES["fiq_int8"])


def test_predict_equals_keras_when_scheme_is_float32(trained, files):
    x = trained.samples.x
    scores = predict(files / "float32", x).scores()
    np.testing.assert_allclose(scores, trained.model.predict(x, verbose=0), atol=2e-5)


def test_predict_is_close_to_float32_when_scheme_is_integer(trained, files):
    x = trained.samples.x
    reference = predict(files / "float32", x).scores()
    for scheme in MAIN_SCHEMES[1:]:
        scores = predict(files / scheme, x).scores()
        assert np.abs(scores - reference).mean() < 0.05


def test_predict_is_equal_when_scheme_is_full_integer(trained, files):
    """Their arithmetic is the same: only the types of input and output differ."""
    x = trained.samples.x
    raw = {name: predict(files / name, x) for name in ("fiq_float32", "fiq_int8", "fiq_uint8")}
    shifted = raw["fiq_uint8"].raw.astype(int) - raw["fiq_int8"].raw.astype(int)
    assert (shifted == 128).all()
    np.testing.assert_array_equal(raw["fiq_float32"].scores(), raw["fiq_int8"].scores())


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_predict_is_equal_when_batch_size_differs(trained, files, batch_size):
    x = trained.samples.x[:70]
    for scheme in ("float32", "fiq_int8"):
        expected = predict(files / scheme, x, 1).raw
        got = predict(files / scheme, x, batch_size).raw
        if scheme == "float32":
            np.testing.assert_allclose(got, expected, atol=1e-6)
        else:
            np.testing.assert_array_equal(got, expected)


def test_predict_equals_keras_when_file_cannot_be_resized(keras, tmp_path):
    from snugnet.tflite.convert import convert

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [layers.InputLayer((4, 4, 1)), layers.Reshape((2, 8)), layers.Permute((2, 1))]
    )
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(model, SCHEMES["float32"]))
    x = np.random.default_rng(0).normal(0, 1, (10, 4, 4, 1)).astype(np.float32)
    expected = model.predict(x, verbose=0).reshape(10, -1)
    np.testing.assert_allclose(predict(path, x, 8).raw, expected, atol=1e-6)


def test_convert_to_type_saturates_when_type_is_integer():
    x = np.array([-1e9, -1.28, -0.006, -0.004, 0.004, 0.006, 1.27, 1.28, 1e9], dtype=np.float32)
    assert convert_to_type(x, np.int8, 0.01, 0).tolist() == [
        *(-128, -128, -1, 0, 0, 1, 127, 127, 127)
    ]
    assert convert_to_type(x, np.uint8, 0.01, 128).tolist() == [
        *(0, 0, 127, 128, 128, 129, 255, 255, 255)
    ]


def test_convert_to_type_rounds_outwards_when_value_is_half():
    x = np.array([-1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
    assert convert_to_type(x, np.int8, 1.0, 0).tolist() == [-2, -1, 1, 2, 3]


def test_convert_to_type_returns_input_when_type_is_float():
    x = np.array([1.5, -2.5], dtype=np.float32)
    np.testing.assert_array_equal(convert_to_type(x, np.float32, 0.0, 0), x)


def test_prediction_scores_are_dequantized_when_raw_is_int8():
    prediction = Prediction(np.array([[-128, 0, 127]], dtype=np.int8), 1 / 256, -128)
    np.testing.assert_allclose(prediction.scores(), [[0, 0.5, 255 / 256]])
    assert prediction.scores().dtype == np.float32


def test_measure_latency_returns_25_times_when_runs_are_25(trained, files):
    times = measure_latency(files / "fiq_int8", trained.samples.x, runs=25, warm_up=2)
    assert times.shape == (25,)
    assert times.dtype == np.int64
    assert (times > 0).all()


def test_predict_fails_when_sample_shape_is_wrong(files):
    with pytest.raises(InputError, match=r"samples have shape \(9, 9\); the model expects"):
        predict(files / "float32", np.zeros((3, 9, 9), dtype=np.float32))


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 1000])
def test_read_graph_and_predict_fail_when_file_is_not_tflite(tmp_path, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.tflite: not a \.tflite file"):
        read_graph(path)
    with pytest.raises(InputError, match=r"model\.tflite: not a \.tflite file"):
        predict(path, np.zeros((1, 2), dtype=np.float32))


@pytest.mark.parametrize("scheme", ["float32", "drq"])
def test_convert_gives_same_network_when_weights_are_frozen(keras, trained, scheme):
    from snugnet.tflite.convert import FROZEN, make_converter

    assert scheme in FROZEN
    digests = {
        compute_semantic_digest(parse_graph(converter.convert(), scheme))
        for frozen in (False, True)
        for converter in [make_converter(trained.model, SCHEMES[scheme], frozen=frozen)]
    }
    assert len(digests) == 1
