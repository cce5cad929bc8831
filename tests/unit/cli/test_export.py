"""Tests of the command `snugnet export`."""

import shutil
import subprocess

import numpy as np
import pytest

from snugnet.int8 import load
from snugnet.int8.export import read
from tests.tflite_files import Node, Tensor, constant, single, write

PROGRAM = """
#include <stdio.h>
#include "net.h"

int main(void) {
  fwrite(net, 1, net_len, stdout);
  fwrite(net_golden_input, 1, sizeof net_golden_input, stdout);
  fwrite(net_golden_output, 1, sizeof net_golden_output, stdout);
  return (size_t)net % 16;
}
"""


def compiled(folder) -> bytes:
    """Compile the export with a program that prints it; return what this prints."""
    if shutil.which("gcc") is None:
        # Nothing else here needs a compiler, and `make test` must do without one.
        pytest.skip("not installed: gcc")
    (folder / "main.c").write_text(PROGRAM)
    flags = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror")
    files = (folder / "main.c", folder / "net.c")
    subprocess.run(["gcc", *flags, *files, "-o", folder / "main"], check=True)
    return subprocess.run([folder / "main"], capture_output=True, check=True).stdout


def test_export_writes_array_and_golden_pair_when_format_is_c(command_json, model, x, tmp_path):
    np.save(tmp_path / "x.npy", x)
    options = ("--to", "c", "--output", tmp_path / "net.c", "--data", tmp_path / "x.npy")
    code, result = command_json("export", model, *options)
    assert code == 0
    assert list(result["written"]) == [str(tmp_path / "net.h"), str(tmp_path / "net.c")]
    engine = load(model, "tflm")
    port = engine.inputs[0]
    from snugnet.core.affine import quantize

    golden = quantize(x[:1], port.scale, port.zero_point, port.dtype)
    expected = model.read_bytes() + golden.tobytes() + engine.predict(golden).tobytes()
    assert compiled(tmp_path) == expected


def test_export_c_keeps_all_bits_when_model_is_float(command_json, tmp_path):
    path = tmp_path / "float.tflite"
    path.write_bytes(single("RELU", [Tensor((1, 4), "float32")], [Tensor((1, 4), "float32")]))
    x = np.array([[0.1, -0.2, 1e-30, 3.0]], np.float32)
    np.save(tmp_path / "x.npy", x)
    options = ("--to", "c", "--output", tmp_path / "net.c", "--data", tmp_path / "x.npy")
    assert command_json("export", path, *options)[0] == 0
    assert compiled(tmp_path) == path.read_bytes() + x.tobytes() + np.maximum(x, 0).tobytes()


def test_export_c_changes_array_name_when_c_does_not_allow_it(command_json, model, tmp_path):
    code, _ = command_json("export", model, "--to", "c", "--output", tmp_path / "1st-net.c")
    assert code == 0
    assert "extern const unsigned char model_1st_net[];" in (tmp_path / "1st-net.h").read_text()


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\u2028b"])
def test_export_c_fails_when_file_name_is_no_c_text(command, model, tmp_path, name):
    hostile = tmp_path / f"{name}.tflite"
    shutil.copy(model, hostile)
    before = sorted(tmp_path.iterdir())
    code, _, errors = command("export", hostile, "--to", "c")
    assert code == 2
    assert errors.startswith("snugnet: --output: the name of the header, ")
    assert errors.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert command("export", hostile, "--to", "c", "--output", tmp_path / "a b-1.c")[0] == 0


@pytest.mark.parametrize("sizes", [(3, 4), (3, 3)])
def test_export_c_fails_when_model_has_two_outputs(command, tmp_path, sizes):
    tensors = [Tensor((1, size), "int8", 0.1) for size in (3, *sizes)]
    tensors.append(constant([[0, 0], [0, sizes[1] - 3]]))
    nodes = [Node("RELU", [0], [1]), Node("PAD", [0, 3], [2], {"kind": "PadOptions"})]
    (tmp_path / "m.tflite").write_bytes(write(tensors, nodes, [0], [1, 2]))
    code, _, errors = command("export", tmp_path / "m.tflite", "--to", "c")
    assert code == 2
    assert "m.tflite: 2 outputs. Format c supports one output. Use format firmware" in errors
    assert not (tmp_path / "m.h").exists()


@pytest.mark.parametrize("form", ["npz", "json"])
def test_export_writes_equal_model_when_format_is_npz_or_json(command_json, model, x, form):
    code, result = command_json("export", model, "--to", form)
    assert code == 0
    path = model.with_suffix(f".{form}")
    assert list(result["written"]) == [str(path)]
    assert read(path).operators == read(model).operators
    np.testing.assert_array_equal(load(path).predict(x), load(model).predict(x))


def test_export_writes_nothing_when_request_or_file_is_wrong(command, model, tmp_path):
    before = sorted(tmp_path.iterdir())
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(model.read_bytes()[:100])
    for form in ("c", "npz"):
        code, _, complaint = command("export", damaged, "--to", form)
        assert code == 2
        assert "damaged.tflite" in complaint
    code, _, complaint = command("export", model, "--to", "c", "--output", tmp_path / "net.txt")
    assert code == 2
    assert "Use a path that ends in .c" in complaint
    assert sorted(tmp_path.iterdir()) == sorted([*before, damaged])
