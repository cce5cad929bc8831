"""Tests of the command `snugnet inspect`."""

from dataclasses import replace

import numpy as np
import pytest

from snugnet.int8.export import read, write
from tests import tflite_files
from tests.tflite_files import Node, Tensor, single


def test_inspect_lists_operators_and_tensors_when_json_is_set(command_json, model):
    code, result = command_json("inspect", model)
    assert code == 0
    assert result["bytes"] == model.stat().st_size
    assert result["scheme"] == "fiq_int8"
    names = [operator["name"] for operator in result["operators"]]
    assert names[:2] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert names[-1] == "SOFTMAX"
    weights = result["tensors"][1]
    assert (weights["dtype"], weights["shape"]) == ("int8", [4, 3, 3, 2])
    assert weights["bytes"] == 4 * 3 * 3 * 2
    assert weights["constant"]
    assert len(weights["scales"]) == 4
    first_input = result["tensors"][result["inputs"][0]]
    assert not first_input["constant"]
    assert first_input["bytes"] == 8 * 8 * 2
    assert first_input["scales"] == [pytest.approx(0.1)]
    assert first_input["zero_points"] == [3]


def test_inspect_prints_table_when_json_is_not_set(command, model):
    code, output, _ = command("inspect", model)
    assert code == 0
    for words in ("scheme fiq_int8", "DEPTHWISE_CONV_2D", "4 x 3 x 3 x 2", "72", "constants:"):
        assert words in output


def test_inspect_lists_same_tensors_when_model_is_exported(command_json, model, tmp_path):
    write(read(model), tmp_path / "model.npz")
    first, second = (
        command_json("inspect", model)[1],
        command_json("inspect", tmp_path / "model.npz")[1],
    )
    assert first["operators"] == second["operators"]
    assert first["tensors"] == second["tensors"]


def test_inspect_diff_is_empty_when_files_are_equal(command_json, command, model):
    code, result = command_json("inspect", model, "--diff", model)
    assert code == 0
    assert result["removed"] == result["added"] == result["changed"] == []
    assert "no differences in operators" in command("inspect", model, "--diff", model)[1]


def test_inspect_diff_lists_operator_and_role_when_files_differ(
    command_json, command, model, float_model
):
    code, result = command_json("inspect", model, "--diff", float_model)
    assert code == 0
    assert result["schemes"] == ["fiq_int8", "fiq_float32"]
    assert result["removed"] == []
    assert [operator["name"] for operator in result["added"]] == ["QUANTIZE", "DEQUANTIZE"]
    # The convolution reads no input of the network any more; nothing else has changed.
    changes = [(change["operator"], change["role"]) for change in result["changed"]]
    assert changes == [([0, 1], "input")]
    output = command("inspect", model, "--diff", float_model)[1]
    assert "QUANTIZE" in output
    assert "operators in one file only" in output


def test_inspect_diff_lists_tensors_when_scales_differ(command_json, tmp_path):
    paths = []
    for scale in (0.1, 0.2):
        tensor = Tensor((1, 4), "int8", scale)
        paths.append(tmp_path / f"{scale}.tflite")
        paths[-1].write_bytes(single("RELU", [tensor], [Tensor((1, 4), "int8", scale)]))
    _, result = command_json("inspect", paths[0], "--diff", paths[1])
    assert [change["role"] for change in result["changed"]] == ["input 0", "output"]
    scales = [change["other"]["scales"][0] for change in result["changed"]]
    np.testing.assert_allclose(scales, 0.2)


@pytest.mark.parametrize(("dtype", "scheme"), [("float32", "float32"), ("int8", "fiq_float32")])
def test_inspect_finds_scheme_when_file_has_no_weights(command_json, tmp_path, dtype, scheme):
    ends = Tensor((1, 4), "float32"), Tensor((1, 4), "float32")
    tensors = [*ends, *(Tensor((1, 4), dtype, 0.1) for _ in range(2))]
    nodes = [Node("QUANTIZE", [0], [2]), Node("RELU", [2], [3]), Node("DEQUANTIZE", [3], [1])]
    if dtype == "float32":
        nodes = [Node("RELU", [0], [1])]
    (tmp_path / "m.tflite").write_bytes(tflite_files.write(tensors, nodes, [0], [1]))
    assert command_json("inspect", tmp_path / "m.tflite")[1]["scheme"] == scheme


def test_inspect_keeps_one_line_when_names_have_line_feeds(command, model, tmp_path):
    graph = read(model)
    tensors = (replace(graph.tensors[0], name="a\n  99\tfake"), *graph.tensors[1:])
    write(replace(graph, tensors=tensors), tmp_path / "m.json")
    code, output, _ = command("inspect", tmp_path / "m.json")
    assert code == 0
    assert "a\\x0a  99\\x09fake" in output
    named = (replace(graph.operators[0], name="CONV\n+ 1"), *graph.operators[1:])
    write(replace(graph, operators=named), tmp_path / "n.json")
    code, output, _ = command("inspect", tmp_path / "m.json", "--diff", tmp_path / "n.json")
    assert code == 0
    assert "CONV\\x0a+ 1" in output
