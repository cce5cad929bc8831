"""Tests of the quantization errors of layers."""

from types import SimpleNamespace

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.tflite.flatbuffer import read_graph
from snugnet.tflite.layers import (
    DATA_MOVEMENT,
    compute_range_covered,
    find_producers,
    list_layers,
    list_operators,
)
from snugnet.tflite.runtimes.litert import predict
from snugnet.verification.layer_errors import measure_layer_errors
from tests.unit import networks
from tests.unit.conftest import INCEPTION, SHAPE, waves

DEBUGGED = [
    *("index", "operator", "tensor", "num_elements", "stddev", "mean_error", "max_abs_error"),
    *("mean_squared_error", "scale", "zero_point", "rmse_per_scale", "range_covered"),
]
IDEAL = 1 / np.sqrt(12)


@pytest.fixture(scope="module")
def network(keras):
    """A network with Add and Concatenate, and samples."""
    from snugnet.models.architectures import inception

    samples = waves("multiclass")
    # The first weights are drawn here: they must not depend on what ran before in this process.
    keras.tf_keras.utils.set_random_seed(1)
    model = inception.build(INCEPTION, SHAPE, samples.task, len(samples.class_names))
    return SimpleNamespace(model=model, samples=samples)


@pytest.fixture(scope="module")
def files(network, tmp_path_factory):
    """Its files of three schemes."""
    from snugnet.tflite.convert import convert

    folder = tmp_path_factory.mktemp("layers")
    for name in ("float32", "fiq_int8", "fiq_float32"):
        file = convert(network.model, SCHEMES[name], network.samples.x[:64])
        (folder / name).write_bytes(file)
    return folder


@pytest.fixture(scope="module")
def partly(network):
    from snugnet.tflite.debug import prepare_mixed_precision

    return prepare_mixed_precision(network.model, network.samples.x[:64])


def test_compute_range_covered_returns_share_when_type_is_int8():
    assert compute_range_covered(-1.28, 1.27, 0.01, 0, "int8") == 1
    assert compute_range_covered(0.0, 2.55, 0.01, 0, "int8") == pytest.approx(1.275 / 2.55)
    assert compute_range_covered(0.0, 2.55, 0.01, -128, "int8") == 1
    assert compute_range_covered(5.0, 6.0, 0.01, 0, "int8") == 0
    assert compute_range_covered(1.0, 1.0, 0.01, 0, "int8") == 1
    assert compute_range_covered(-9.0, -9.0, 0.01, 0, "int8") == 0


def test_measure_layers_lists_all_when_network_has_branches(network, files):
    from snugnet.tflite.debug import measure_layers

    rows = measure_layers(network.model, network.samples.x[:64])
    graph = read_graph(files / "float32")
    assert [list(row.to_columns()) for row in rows] == [DEBUGGED] * len(rows)
    layers = list_layers(graph)
    assert [row.layer.index for row in rows] == list(range(len(layers)))
    assert [row.layer.tensor for row in rows] == [layer.tensor for layer in layers]
    outputs = [graph.tensors[operator.outputs[0]] for operator in list_operators(graph)]
    assert [row.num_elements for row in rows] == [np.prod(tensor.shape) for tensor in outputs]
    integers = read_graph(files / "fiq_int8")
    for row, operator in zip(rows, list_operators(integers), strict=True):
        tensor = integers.tensors[operator.outputs[0]]
        assert row.scale == pytest.approx(float(tensor.scales[0]))
        assert row.zero_point == tensor.zero_points[0]
        assert 0.9 < row.range_covered <= 1
        if row.layer.operator in DATA_MOVEMENT:
            assert row.rmse_per_scale < 1e-4


def test_measure_layers_has_only_rounding_when_weights_are_exact(keras):
    """Weights that int8 holds exactly, and no ReLU: what remains is rounding the output."""
    from snugnet.tflite.debug import measure_layers

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential([layers.InputLayer((8,)), *(layers.Dense(64) for _ in "ab")])
    rng = np.random.default_rng(3)
    for layer in model.layers:
        kernel = rng.choice([-1.0, 1.0], layer.get_weights()[0].shape)
        layer.set_weights([kernel, np.zeros(64)])
    _, row = measure_layers(model, rng.normal(size=(150, 8)).astype(np.float32))
    assert row.rmse_per_scale == pytest.approx(IDEAL, rel=0.05)
    assert row.stddev == pytest.approx(IDEAL * row.scale, rel=0.05)
    assert abs(row.mean_error) < 0.05 * row.scale
    assert 0.45 * row.scale < row.max_abs_error < 0.6 * row.scale


def test_layer_errors_are_positive_when_integer_is_larger(keras, tmp_path):
    """A bias of 76.55 steps is rounded up to 77; the other one is 255 steps, exactly."""
    from snugnet.tflite.convert import convert
    from snugnet.tflite.debug import measure_layers

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential([layers.InputLayer((8,)), layers.Dense(2)])
    rng = np.random.default_rng(3)
    model.layers[0].set_weights([rng.normal(0, 1e-5, (8, 2)), np.array([1, 76.55 / 255])])
    x = rng.normal(size=(50, 8)).astype(np.float32)
    for name in ("float32", "fiq_int8"):
        (tmp_path / name).write_bytes(convert(model, SCHEMES[name], x))
    (debugged,) = measure_layers(model, x)
    _, traced = measure_layer_errors(tmp_path / "fiq_int8", tmp_path / "float32", x)
    for row in (debugged, traced):
        assert row.scale == pytest.approx(1 / 255, rel=1e-3)
        assert row.mean_error == pytest.approx(0.45 / 255 / 2, rel=0.1)
        assert row.max_abs_error == pytest.approx(0.45 / 255, rel=0.1)
        assert row.rmse_per_scale == pytest.approx(0.45 / np.sqrt(2), rel=0.1)


def test_measure_layers_fails_when_samples_are_missing(network):
    from snugnet.tflite.debug import measure_layers

    with pytest.raises(InputError, match="requires calibration samples"):
        measure_layers(network.model, network.samples.x[:0])


def computed_in(graph, kind: str) -> list[int]:
    """The places of the layers that make new numbers in a type."""
    return [
        place
        for place, operator in enumerate(list_operators(graph))
        if operator.name not in DATA_MOVEMENT and graph.tensors[operator.outputs[0]].dtype == kind
    ]


def test_mixed_file_computes_layer_in_float_only_when_chosen(partly, files, save):
    layers, convert = partly
    kinds = {layer.operator for layer in layers}
    assert {"CONV_2D", "CONCATENATION", "ADD", "MEAN", "FULLY_CONNECTED"} <= kinds
    assert not kinds & DATA_MOVEMENT
    rng = np.random.default_rng(0)
    for count in (0, 1, 2, len(layers) // 2, len(layers) - 1, len(layers)):
        chosen = [layers[i] for i in rng.permutation(len(layers))[:count]]
        graph = read_graph(save(convert([layer.tensor for layer in chosen])))
        floats = sorted(layer.index for layer in chosen)
        assert computed_in(graph, "float32") == floats
        others = sorted({layer.index for layer in layers} - set(floats))
        assert computed_in(graph, "int8") == others
        boundary = [graph.tensors[i] for i in (*graph.inputs, *graph.outputs)]
        assert {tensor.dtype for tensor in boundary} == {"float32"}
        assert {tensor.shape[0] for tensor in boundary} == {1}


def test_mixed_file_equals_full_integer_when_none_is_in_float(network, partly, files, save):
    result = predict(save(partly[1]([])), network.samples.x)
    whole = predict(files / "fiq_float32", network.samples.x)
    np.testing.assert_array_equal(result.scores(), whole.scores())


def test_mixed_file_equals_float_model_when_all_are_in_float(network, partly, files, save):
    layers, convert = partly
    result = predict(save(convert([layer.tensor for layer in layers])), network.samples.x)
    expected = predict(files / "float32", network.samples.x)
    np.testing.assert_allclose(result.scores(), expected.scores(), atol=1e-5)


def test_mixed_file_moves_data_in_float_when_both_ends_are_float(keras, save):
    from snugnet.core.settings.architectures.smartwatch import Smartwatch
    from snugnet.models.architectures import smartwatch
    from snugnet.tflite.debug import prepare_mixed_precision

    settings = Smartwatch(filters=(4, 4), dense=8, dropout=0)
    model = smartwatch.build(settings, (16, 4, 1), "multiclass", 3)
    x = np.random.default_rng(0).normal(size=(20, 16, 4, 1)).astype(np.float32)
    layers, convert = prepare_mixed_precision(model, x)
    first, second = (layer for layer in layers if layer.operator == "CONV_2D")
    graph = read_graph(save(convert([first.tensor, second.tensor])))
    between = list_operators(graph)[first.index + 1]
    assert between.name == "MAX_POOL_2D"
    assert graph.tensors[between.outputs[0]].dtype == "float32"


def test_mixed_conversion_fails_when_layer_does_not_exist(partly):
    with pytest.raises(InputError, match=r"operators in float: \[\], expected \['nothing'\]"):
        partly[1](["nothing"])


def test_measure_layer_errors_has_input_row_when_input_is_int8(network, files):
    rows = measure_layer_errors(files / "fiq_int8", files / "float32", network.samples.x[:64])
    layers = list_layers(read_graph(files / "float32"))
    assert [row.layer.index for row in rows] == [-1, *range(len(layers))]
    assert [row.layer.tensor for row in rows[1:]] == [layer.tensor for layer in layers]
    assert rows[0].layer.operator == "INPUT"
    assert rows[0].rmse_per_scale == pytest.approx(IDEAL, rel=0.03)
    assert all(row.sqnr_db > 15 for row in rows)
    assert all(0.95 < row.range_covered <= 1 for row in rows)
    # Errors accumulate: before the last layer they are larger than those of rounding alone.
    assert rows[-2].rmse_per_scale > 1.5 * IDEAL


def test_measure_layer_errors_equals_numpy_when_layer_is_last(network, files):
    x = network.samples.x[:32]
    row = measure_layer_errors(files / "fiq_int8", files / "float32", x)[-1]
    integers, floats = (predict(files / name, x).scores() for name in ("fiq_int8", "float32"))
    # The engine computes as the reference does, predictions come from the default kernels.
    error = integers.astype(np.float64) - floats
    assert row.num_elements == floats.shape[1]
    assert row.mean_squared_error == pytest.approx(np.mean(error**2), rel=0.2)
    assert row.max_abs_error == pytest.approx(np.abs(error).max(), abs=row.scale)
    power = 10 * np.log10(np.mean(floats**2) / row.mean_squared_error)
    assert row.sqnr_db == pytest.approx(power, abs=0.01)


def test_layer_errors_rise_from_layer_when_its_bias_is_wrong(keras, tmp_path):
    from snugnet.tflite.convert import convert

    model = networks.dense(keras, 16, 16, 16, networks.CLASSES)
    x = networks.inputs(200, seed=1)
    (tmp_path / "float").write_bytes(convert(model, SCHEMES["float32"]))
    (tmp_path / "whole").write_bytes(convert(model, SCHEMES["fiq_int8"], x))
    wrong = model.get_layer("dense_3")
    kernel, bias = wrong.get_weights()
    wrong.set_weights([kernel, bias + 3])
    (tmp_path / "int8").write_bytes(convert(model, SCHEMES["fiq_int8"], x))
    right_errors = measure_layer_errors(tmp_path / "whole", tmp_path / "float", x[:64])
    wrong_errors = measure_layer_errors(tmp_path / "int8", tmp_path / "float", x[:64])
    assert networks.tensors([row.to_columns() for row in wrong_errors])[1:] == [
        *(f"dense_{i}" for i in (1, 2, 3, 4)),
        "softmax",
    ]
    assert wrong_errors[:3] == right_errors[:3]
    assert 1.5 < wrong_errors[3].mean_error <= 3.1
    assert abs(right_errors[3].mean_error) < 0.1
    assert wrong_errors[3].sqnr_db < 5 < 20 < right_errors[3].sqnr_db
    assert wrong_errors[4].rmse_per_scale > 5 * right_errors[4].rmse_per_scale


def test_measure_layer_errors_counts_saturation_when_input_is_4x(network, files):
    x = network.samples.x[:64] * 4
    row = measure_layer_errors(files / "fiq_int8", files / "float32", x)[0]
    assert 0.2 < row.saturated < 1
    assert row.range_covered == pytest.approx(0.25, abs=0.1)
    within = measure_layer_errors(files / "fiq_int8", files / "float32", network.samples.x[:64])
    # Zeros of a ReLU are at the lower limit, but do not count as saturated.
    assert max(row.saturated for row in within) < 0.01


def test_measure_layer_errors_fails_when_samples_are_missing(files, network):
    with pytest.raises(InputError, match="no samples to trace"):
        measure_layer_errors(files / "fiq_int8", files / "float32", network.samples.x[:0])


def test_measure_layer_errors_matches_layers_when_model_is_qat(network, keras, tmp_path):
    """Half the weights are zero; names differ, but each layer is matched with its counterpart."""
    from snugnet.compress.quantizers.qat import (
        _strip_quantizers,
        insert_quantizers,
        prepare_for_quantization,
    )
    from snugnet.compress.quantizers.ranges import initialize_ranges
    from snugnet.tflite.convert import convert

    model = keras.tf_keras.models.clone_model(network.model)
    for layer in model.layers:
        if type(layer).__name__ in ("Conv2D", "Dense"):
            kernel, *rest = layer.get_weights()
            kernel[np.abs(kernel) < np.median(np.abs(kernel))] = 0
            layer.set_weights([kernel, *rest])
    x = network.samples.x[:64]
    plain = prepare_for_quantization(model)
    quantized = insert_quantizers(plain)
    initialize_ranges(quantized, plain, x, seed=1)
    int8 = convert(quantized, SCHEMES["fiq_int8"], quantized=True)
    (tmp_path / "int8").write_bytes(int8)
    (tmp_path / "float").write_bytes(
        convert(_strip_quantizers(quantized, plain), SCHEMES["float32"])
    )
    rows = measure_layer_errors(tmp_path / "int8", tmp_path / "float", x)
    layers = list_layers(read_graph(tmp_path / "float"))
    assert [(row.layer.index, row.layer.tensor) for row in rows[1:]] == [
        (layer.index, layer.tensor) for layer in layers
    ]
    names = {tensor.name for tensor in read_graph(tmp_path / "int8").tensors}
    assert len(names & {layer.tensor for layer in layers}) < 3
    # A tensor compared with another one's values would be off by as much as the values are.
    assert all(row.sqnr_db > 12 for row in rows), [row.sqnr_db for row in rows]


def test_layer_errors_skip_layer_when_it_has_no_counterpart(keras, tmp_path, capsys):
    from snugnet.tflite.convert import convert

    x = networks.inputs(100, seed=1)
    longer = networks.dense(keras, 16, 8, 16, networks.CLASSES)
    shorter = networks.dense(keras, 16, networks.CLASSES)
    (tmp_path / "int8").write_bytes(convert(longer, SCHEMES["fiq_int8"], x))
    (tmp_path / "float").write_bytes(convert(shorter, SCHEMES["float32"]))
    rows = measure_layer_errors(tmp_path / "int8", tmp_path / "float", x[:8])
    assert [row.layer.operator for row in rows] == [
        *("INPUT", "FULLY_CONNECTED", "FULLY_CONNECTED", "SOFTMAX")
    ]
    printed = capsys.readouterr().out
    assert printed.count("has no counterpart in the other file; skipped") == 2
    assert "net/dense_2/" in printed
    assert "net/dense_3/" in printed


def test_find_producers_is_equal_when_boundary_types_differ(files):
    assert find_producers(read_graph(files / "fiq_int8")) == find_producers(
        read_graph(files / "float32")
    )
    assert find_producers(read_graph(files / "fiq_float32")) == find_producers(
        read_graph(files / "float32")
    )
