"""Tests of the command `snugnet benchmark`."""

import numpy as np
import pytest

from tests.tflite_files import Tensor, single
from tests.unit.cli import foreign_models

QUICK = ("--runs", 20, "--warm-up", 1)


@pytest.fixture
def labelled(model, x, tmp_path):
    """Samples whose labels are the decisions of the model, except the first."""
    from snugnet.int8 import load

    y = load(model).predict(x).argmax(axis=1)
    y[0] = (y[0] + 1) % 3
    np.savez(tmp_path / "test.npz", x=x, y=y)
    return tmp_path / "test.npz"


def test_benchmark_compares_models_when_baseline_is_set(command_json, model, float_model, labelled):
    code, result = command_json(
        "benchmark", "--model", model, "--baseline", float_model, "--data", labelled, *QUICK
    )
    assert code == 0
    for side, path in (("model", model), ("baseline", float_model)):
        measured = result[side]
        assert measured["file"] == str(path)
        assert measured["bytes"] == path.stat().st_size
        assert measured["latency_us_median"] > 0
        # The runs are sequential: the mean time is far less than ten times the median.
        assert 0.1 < measured["throughput_per_s"] * measured["latency_us_median"] / 1e6 < 10
        assert measured["peak_memory_bytes"] > 0
        assert measured["arena_bytes"] > 8 * 8 * 2
    accuracy = result["accuracy"]
    assert accuracy["accuracy"] == pytest.approx(8 / 9)
    assert accuracy["low"] < 8 / 9 < accuracy["high"]
    # The same network with float inputs and outputs makes the same decisions.
    assert accuracy["delta"] == 0
    assert accuracy["p"] == 1


def test_benchmark_prints_table_with_units_when_json_is_not_set(
    command, model, float_model, labelled
):
    code, output, _ = command(
        "benchmark", "--model", model, "--baseline", float_model, "--data", labelled, *QUICK
    )
    assert code == 0
    for text in (
        "latency, median",
        "on this computer; a microcontroller differs",
        "µs",
        "samples/s",
        "peak memory",
        "baseline / model",
        "p = 1",
    ):
        assert text in output
    assert "20 runs of one sample each in 10 rounds" in output


def test_benchmark_omits_accuracy_when_data_is_missing(command_json, command, model):
    code, result = command_json("benchmark", "--model", model, *QUICK)
    assert code == 0
    assert result["baseline"] is None
    assert result["accuracy"] is None
    assert "random" in result["reason"]
    assert "quality not measured: no data" in command("benchmark", "--model", model, *QUICK)[1]


def test_benchmark_has_no_arena_when_tflm_rejects_the_file(command_json, command, tmp_path):
    path = tmp_path / "gelu.tflite"
    path.write_bytes(single("GELU", [Tensor((1, 4), "float32")], [Tensor((1, 4), "float32")]))
    code, result = command_json("benchmark", "--model", path, *QUICK)
    assert code == 0
    assert result["model"]["arena_bytes"] is None
    assert "TensorFlow Lite Micro rejects the file" in result["model"]["arena_reason"]
    assert "rejects the file" in command("benchmark", "--model", path, *QUICK)[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--runs", 5), "--runs"),
        (("--threads", 0), "--threads"),
        (("--baseline", "none.tflite"), "none.tflite"),
        (("--data", "none.npz"), "none.npz"),
    ],
)
def test_benchmark_exits_2_when_request_is_wrong(command, model, options, message):
    code, output, complaint = command("benchmark", "--model", model, *options)
    assert code == 2
    assert message in complaint
    assert output == ""


def test_peak_memory_is_larger_when_weights_are_larger(tmp_path):
    """All of 16 MiB of weights are read when it runs. Imports are not counted."""
    from snugnet.services.peak_memory import measure_peak_memory
    from tests.unit.int8 import models

    small = tmp_path / "small.tflite"
    small.write_bytes(models.network())
    large = tmp_path / "large.tflite"
    large.write_bytes(dense(4096))
    x = np.zeros((1, 8, 8, 2), np.float32), np.zeros((1, 4096), np.float32)
    assert measure_peak_memory(large, x[1], 1) > 16 << 20
    assert 0 < measure_peak_memory(small, x[0], 1) < 8 << 20


def dense(width: int) -> bytes:
    """A layer of width x width int8 weights."""
    weights = np.ones((width, width), np.int8)
    return single(
        "FULLY_CONNECTED",
        [
            Tensor((1, width), "int8", 0.1),
            Tensor((width, width), "int8", 0.1, values=weights),
        ],
        [Tensor((1, width), "int8", 0.1)],
    )


@pytest.mark.slow
def test_benchmark_converts_baseline_when_it_is_a_keras_model(command_json, keras, tmp_path):
    path = foreign_models.save_model_file("conv1d", "keras", tmp_path)
    converted = tmp_path / "float16.tflite"
    assert (
        command_json("quantize", "--model", path, "--output", converted, "--scheme", "float16")[0]
        == 0
    )
    code, result = command_json("benchmark", "--model", converted, "--baseline", path, *QUICK)
    assert code == 0, result
    assert result["baseline"]["file"] == str(path)
    assert result["baseline"]["bytes"] > result["model"]["bytes"]
