"""Tests of the sensitivity of single layers to quantization."""

import numpy as np
import pytest

from snugnet.analysis import candidates
from snugnet.analysis.candidates import Measurement, create_measure
from snugnet.analysis.sensitivity import SweepResult, sweep_layers
from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.evaluation.statistics import RESAMPLES, compute_paired_p
from snugnet.tflite.layers import Layer
from tests.unit import networks

COLUMNS = [
    *("index", "operator", "tensor", "quantized", "n", "accuracy", "delta_float", "delta_full"),
    *("p_full", "size_bytes"),
]


def run_sweep(model, calibration, val):
    from snugnet.tflite.convert import convert
    from snugnet.tflite.debug import prepare_mixed_precision

    layers, partly = prepare_mixed_precision(model, calibration)
    return sweep_layers(layers, partly, create_measure(val), convert(model, SCHEMES["float32"]))


def results_by_layer(results, quantized: str) -> dict[str, SweepResult]:
    results = [result for result in results if result.quantized == quantized]
    names = networks.tensors([result.to_columns() for result in results])
    return dict(zip(names, results, strict=True))


@pytest.fixture(scope="module")
def wide_input(keras):
    """One input is huge and ignored: the others are rounded away before the first layer."""
    model = networks.dense(keras, 16, 16, networks.CLASSES)
    networks.ignore_first(model.layers[0])
    val = networks.label_with_model(model, networks.inputs(300, seed=2, wide=True))
    return run_sweep(model, networks.inputs(100, seed=1, wide=True), val), val


def test_sweep_has_all_columns_and_layers_when_input_is_wide(wide_input):
    results, _ = wide_input
    rows = [result.to_columns() for result in results]
    assert [list(row) for row in rows] == [COLUMNS] * len(rows)
    assert [row["quantized"] for row in rows] == ["none", "all", *["only", "all_but"] * 4]
    assert [row["index"] for row in rows] == [None, None, 0, 0, 1, 1, 2, 2, 3, 3]
    assert {result.n for result in results} == {300}
    for result in results:
        assert result.delta_float == pytest.approx(result.accuracy - results[0].accuracy)
        assert result.delta_full == pytest.approx(result.accuracy - results[1].accuracy)
    assert (results[0].accuracy, results[0].delta_float, results[1].p_full) == (1, 0, 1)


def test_sweep_has_no_row_when_converter_rejects_candidate(capsys):
    layers = [Layer(i, "CONV_2D", name) for i, name in enumerate("ab")]

    def convert(names) -> bytes:
        if set(names) == {"a"}:
            raise ModelFormatError("a cannot be in float")
        return "".join(sorted(names)).encode()

    def measure(file: bytes) -> Measurement:
        return Measurement(file, np.ones(4), None)

    results = sweep_layers(layers, convert, measure, b"float")
    # Leaving `a` in float is quantizing only `b`, and all but `a`.
    done = [(result.layer.tensor, result.quantized) for result in results[2:]]
    assert done == [("a", "only"), ("b", "all_but")]
    assert capsys.readouterr().out.count("warning: a cannot be in float") == 2


def test_sweep_blames_first_layer_when_input_is_wide(wide_input):
    results, _ = wide_input
    assert results[1].accuracy < 0.6
    only, all_but = results_by_layer(results, "only"), results_by_layer(results, "all_but")
    assert only["dense_1"].accuracy < 0.6
    assert min(result.accuracy for name, result in only.items() if name != "dense_1") > 0.95
    assert all_but["dense_1"].accuracy > 0.95
    assert all_but["dense_1"].p_full < 0.001
    assert max(result.accuracy for name, result in all_but.items() if name != "dense_1") < 0.6


def test_sweep_blames_both_layers_when_tensor_between_is_wide(keras):
    """Either alone in float recovers nothing, since the other still uses integers."""
    model = networks.dense(keras, 16, 16, 16, networks.CLASSES)
    networks.enlarge_first_channel(model, "dense_2")
    val = networks.label_with_model(model, networks.inputs(300, seed=2))
    results = run_sweep(model, networks.inputs(100, seed=1), val)
    only, all_but = results_by_layer(results, "only"), results_by_layer(results, "all_but")
    ranked = sorted(only, key=lambda name: only[name].accuracy)
    assert set(ranked[:2]) == {"dense_2", "dense_3"}
    assert only[ranked[1]].accuracy < 0.75 < 0.95 < only[ranked[2]].accuracy
    assert max(result.accuracy for result in all_but.values()) < 0.75


def test_sweep_tests_groups_when_samples_have_groups(wide_input):
    """All 30 groups lose: no drawn pattern of signs is as extreme. By sample, p is far smaller."""
    results, val = wide_input
    assert len(np.unique(val.group)) == 30
    assert results[0].p_full == pytest.approx(1 / (RESAMPLES + 1))
    lost = np.arange(300) >= round(300 * results[1].accuracy)
    assert results[0].p_full > 1000 * compute_paired_p(np.ones(300), 1.0 - lost, None)


def test_measure_predicts_once_when_files_are_equal(keras, monkeypatch):
    from snugnet.tflite.convert import convert

    model = networks.dense(keras, 8, networks.CLASSES)
    predicted = []
    predict = candidates.predict

    def counted(path, x):
        predicted.append(path)
        return predict(path, x)

    monkeypatch.setattr(candidates, "predict", counted)
    measure = create_measure(networks.label_with_model(model, networks.inputs(20, seed=2)))
    file = convert(model, SCHEMES["float32"])
    first, second = measure(file), measure(bytes(file))
    assert len(predicted) == 1
    np.testing.assert_array_equal(first.correct, second.correct)
    measure(convert(model, SCHEMES["drq"]))
    assert len(predicted) == 2 - (convert(model, SCHEMES["drq"]) == file)
