"""Tests of the commands `snugnet run`, `snugnet verify` and `snugnet explain`."""

import json

import numpy as np
import pytest

from snugnet.core.affine import quantize
from snugnet.int8 import load
from tests.tflite_files import Node, Tensor, single, write


def test_run_prints_output_and_accuracy_when_data_has_labels(command_json, model, x, tmp_path):
    raw = load(model).predict(x)
    y = raw.argmax(axis=1)
    y[0] = (y[0] + 1) % 3
    np.savez(tmp_path / "test.npz", x=x, y=y)
    code, result = command_json("run", model, tmp_path / "test.npz")
    assert code == 0
    assert result["raw"] == raw.tolist()
    assert result["decision"] == raw.argmax(axis=1).tolist()
    assert result["accuracy"] == pytest.approx(8 / 9)


def test_run_uses_profile_when_it_is_set(command_json, float_model, x, tmp_path):
    np.save(tmp_path / "x.npy", x)
    for profile in ("litert_ref", "tflm"):
        result = command_json("run", float_model, tmp_path / "x.npy", "--profile", profile)[1]
        assert result["raw"] == load(float_model, profile).predict(x).tolist()


def test_run_quantizes_integers_when_raw_is_not_set(command_json, model, tmp_path):
    integers = np.random.default_rng(0).integers(-12, 12, (4, 8, 8, 2)).astype(np.int8)
    np.save(tmp_path / "x.npy", integers)
    _, real = command_json("run", model, tmp_path / "x.npy")
    _, raw = command_json("run", model, tmp_path / "x.npy", "--raw")
    assert raw["raw"] == load(model).predict(integers).tolist()
    quantized = quantize(integers.astype(np.float32), 0.1, 3, np.int8)
    assert real["raw"] == load(model).predict(quantized).tolist()
    assert real["raw"] != raw["raw"]


def test_run_prints_only_first_samples_when_there_are_many(command, model, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((30, 8, 8, 2)), y=np.zeros(30))
    code, output, _ = command("run", model, tmp_path / "x.npz")
    assert code == 0
    assert "… and 10 more" in output
    assert "on 30 samples" in output


def test_verify_uses_random_samples_when_data_is_missing(command_json, command, model):
    code, result = command_json("verify", model, "--samples", 5)
    assert code == 0
    assert result["inputs"] == "random"
    for profile in ("litert_ref", "tflm"):
        assert result[profile]["verdict"] == "exact"
        assert result[profile]["samples"] == 5
    assert result == command_json("verify", model, "--samples", 5)[1]
    output = command("verify", model, "--samples", 5)[1]
    assert "litert_ref: exact" in output
    assert "tensor arena (TensorFlow Lite Micro): " in output


def test_random_samples_cover_range_when_input_is_int8_or_float(command_json, model, float_model):
    """Kernels differ where values saturate; a file with float inputs contains the range."""
    from snugnet.services.user_data import draw_random_samples
    from snugnet.tflite.flatbuffer import read_graph

    for path in (model, float_model):
        x = draw_random_samples(read_graph(path), 50, seed=0)
        assert x.shape == (50, 8, 8, 2)
        levels = quantize(x, 0.1, 3, np.int8)
        assert (levels.min(), levels.max()) == (-128, 127)


@pytest.mark.parametrize("name", ["verify", "run", "explain"])
def test_command_exits_2_when_file_is_not_full_integer(command, tmp_path, name):
    path = tmp_path / "float.tflite"
    path.write_bytes(single("RELU", [Tensor((1, 4), "float32")], [Tensor((1, 4), "float32")]))
    np.save(tmp_path / "x.npy", np.zeros((2, 4), np.float32))
    place = ("--operator", 0, "--element", "0,0") if name == "explain" else ()
    data = () if name == "verify" else (tmp_path / "x.npy",)
    assert command(name, path, *data, *place) == (
        2,
        "",
        f"snugnet: {path} is not a full-integer file (scheme float32). {name} needs fiq_* or "
        "int16x8; use benchmark for other files.\n",
    )


@pytest.mark.parametrize(
    ("types", "reason"),
    [
        (("int8", "float32"), "1 of 2 operators compute in float32, first t2"),
        (("float32", "float32"), "2 of 2 operators compute in float32, first t1"),
    ],
)
def test_verify_counts_float_operators_when_no_scheme_fits(command, tmp_path, types, reason):
    tensors = [Tensor((2, 4), dtype, 0.1) for dtype in ("int8", *types)]
    nodes = [Node("RELU", [0], [1]), Node("RELU", [1], [2])]
    (tmp_path / "m.tflite").write_bytes(write(tensors, nodes, [0], [2]))
    code, _, complaint = command("verify", tmp_path / "m.tflite")
    assert code == 2
    assert f"is not a full-integer file ({reason})" in complaint


def test_verify_exits_1_when_operator_is_unsupported(command_json, command, tmp_path):
    path = tmp_path / "abs.tflite"
    ends = [Tensor((1, 4), "int8", 0.1) for _ in range(2)]
    path.write_bytes(single("ABS", ends[:1], ends[1:]))
    code, result = command_json("verify", path)
    assert code == 1
    assert result["litert_ref"]["verdict"] == "unsupported"
    assert "unsupported" in command("verify", path)[1]


def test_verify_exits_2_when_kernels_compute_other_shapes(command, tmp_path):
    """Both inputs of the operator are weights, (3, 4), and LiteRT computes their product."""
    weights = Tensor((3, 4), "int8", 0.1, values=np.ones((3, 4), np.int8))
    tensors = [Tensor((1, 4), "int8", 0.1), weights, Tensor((1, 3), "int8", 0.1)]
    nodes = [Node("FULLY_CONNECTED", [1, 1, -1], [2], {"kind": "FullyConnectedOptions"})]
    (tmp_path / "m.tflite").write_bytes(write(tensors, nodes, [0], [2]))
    code, _, complaint = command("verify", tmp_path / "m.tflite")
    assert code == 2
    last = complaint.splitlines()[-1]
    assert "m.tflite: tensor 2 has shape [3, 3], but the file states [1, 3]" in last


def test_explain_prints_value_and_steps_when_element_is_set(
    command_json, command, model, x, tmp_path
):
    np.save(tmp_path / "x.npy", x)
    place = ("--operator", 4, "--element", "0,2", "--sample", 3)
    code, result = command_json("explain", model, tmp_path / "x.npy", *place)
    assert code == 0
    steps = dict(load(model).explain(x[3:4], 4, [0, 2]))
    assert result == json.loads(json.dumps(steps))
    assert load(model).trace(x)[12][3, 2] == result["output"]
    assert f"output: {result['output']}" in command("explain", model, tmp_path / "x.npy", *place)[1]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (("--operator", 9, "--element", "0,2"), "operator 9 is out of range; allowed: 0 to 5"),
        (
            ("--operator", 4, "--element", "0,7"),
            "is outside the output shape [1, 3]; indices count from 0",
        ),
        (("--operator", 4, "--element", "first"), "--element first: not a list of integers"),
        (("--operator", 4, "--element", "0,2", "--sample", 9), "--sample 9: out of range"),
        (("--operator", 3, "--element", "0,2"), "computes nothing to explain"),
    ],
)
def test_explain_exits_2_when_value_cannot_be_explained(
    command, model, x, tmp_path, place, message
):
    np.save(tmp_path / "x.npy", x)
    code, _, complaint = command("explain", model, tmp_path / "x.npy", *place)
    assert code == 2
    assert message in complaint
