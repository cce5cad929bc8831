"""Tests of the command `snugnet inspect`."""

import numpy as np
import pytest

from snugnet.int8.export import read, write
from tests.tflite_files import Tensor, single


def test_inspect_lists_operators_and_tensors(asked, model):
    code, found = asked("inspect", model)
    assert code == 0
    assert found["bytes"] == model.stat().st_size
    assert found["scheme"] == "fiq_int8"
    names = [operator["name"] for operator in found["operators"]]
    assert names[:2] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert names[-1] == "SOFTMAX"
    weights = found["tensors"][1]
    assert (weights["dtype"], weights["shape"]) == ("int8", [4, 3, 3, 2])
    assert weights["bytes"] == 4 * 3 * 3 * 2
    assert weights["constant"]
    assert len(weights["scales"]) == 4
    given = found["tensors"][found["inputs"][0]]
    assert not given["constant"]
    assert given["bytes"] == 8 * 8 * 2
    assert given["scales"] == [pytest.approx(0.1)]
    assert given["zero_points"] == [3]


def test_inspect_prints_table_when_json_is_not_set(command, model):
    code, output, _ = command("inspect", model)
    assert code == 0
    for words in ("scheme fiq_int8", "DEPTHWISE_CONV_2D", "4 x 3 x 3 x 2", "72", "constants:"):
        assert words in output


def test_inspect_lists_same_tensors_when_model_is_exported(asked, model, tmp_path):
    write(read(model), tmp_path / "model.npz")
    first, second = asked("inspect", model)[1], asked("inspect", tmp_path / "model.npz")[1]
    assert first["operators"] == second["operators"]
    assert first["tensors"] == second["tensors"]


def test_inspect_diff_is_empty_when_files_are_equal(asked, command, model):
    code, found = asked("inspect", model, "--diff", model)
    assert code == 0
    assert found["removed"] == found["added"] == found["changed"] == []
    assert "no differences in operators" in command("inspect", model, "--diff", model)[1]


def test_inspect_diff_lists_operator_and_role_when_files_differ(asked, command, model, in_float):
    code, found = asked("inspect", model, "--diff", in_float)
    assert code == 0
    assert found["schemes"] == ["fiq_int8", "fiq_float32"]
    assert found["removed"] == []
    assert [operator["name"] for operator in found["added"]] == ["QUANTIZE", "DEQUANTIZE"]
    # The convolution reads no input of the network any more; nothing else has changed.
    changes = [(change["operator"], change["role"]) for change in found["changed"]]
    assert changes == [([0, 1], "input")]
    output = command("inspect", model, "--diff", in_float)[1]
    assert "QUANTIZE" in output
    assert "operators in one file only" in output


def test_inspect_diff_lists_tensors_when_scales_differ(asked, tmp_path):
    paths = []
    for scale in (0.1, 0.2):
        given = Tensor((1, 4), "int8", scale)
        paths.append(tmp_path / f"{scale}.tflite")
        paths[-1].write_bytes(single("RELU", [given], [Tensor((1, 4), "int8", scale)]))
    _, found = asked("inspect", paths[0], "--diff", paths[1])
    assert [change["role"] for change in found["changed"]] == ["input 0", "output"]
    scales = [change["other"]["scales"][0] for change in found["changed"]]
    np.testing.assert_allclose(scales, 0.2)
