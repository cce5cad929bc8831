"""Tests of the folder of C source: it builds, its self-test passes, and its text is safe."""

import json
import shutil
import subprocess

import numpy as np
import pytest

import snugnet as sn
from snugnet.core.errors import InputError
from snugnet.firmware.c_text import check_c_name, format_text
from snugnet.firmware.facts import ModelFacts, RawScaling
from snugnet.firmware.folder import list_files, write_folder
from snugnet.firmware.golden import Vectors, choose_golden, compute_vectors
from snugnet.firmware.program import make_program
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import parse_graph
from tests.firmware_build import WARNINGS, needs_compiler
from tests.tflite_files import Node, Tensor, single, write
from tests.unit.int8 import models

NETWORK = models.network()


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "network.tflite"
    file.write_bytes(NETWORK)
    return file


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@needs_compiler
def test_folder_passes_selftest_when_make_builds_it(path, tmp_path):
    if shutil.which("make") is None:
        pytest.skip("not installed: make")
    sn.export_firmware(path, tmp_path / "net")
    code, output = run(tmp_path / "net", "make", "check")
    assert code == 0, output
    assert "warning" not in output
    assert output.count("golden vector: exact") == 4
    assert "self-test: all golden vectors are exact" in output


@needs_compiler
def test_selftest_fails_when_code_is_wrong(path, tmp_path):
    folder = tmp_path / "net"
    sn.export_firmware(path, folder)
    text = (folder / "golden.h").read_text()
    start = text.index("model_golden_output")
    first = text.index("{\n", start) + 6
    digit = text[first:].lstrip("-")[0]
    changed = text[:first] + text[first:].replace(digit, "1" if digit != "1" else "2", 1)
    (folder / "golden.h").write_text(changed)
    run(folder, "gcc", "-o", "test", "selftest.c", "model.c")
    code, output = run(folder, "./test")
    assert code == 1
    assert output.count("WRONG") == 1
    assert "failed" in output


@needs_compiler
@pytest.mark.parametrize("compiler", [("gcc", "-std=c99"), ("g++", "-std=c++11", "-xc++")])
@pytest.mark.parametrize("name", ["model", "ECG_2", "x"])
def test_folder_compiles_when_warnings_are_errors(compiler, name, tmp_path):
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"not installed: {compiler[0]}")
    path = tmp_path / "floats.tflite"
    path.write_bytes(models.network(2, float_ends=True))
    folder = tmp_path / "net"
    labels = ['"; int x;', "*/", "??/", "\\", "ä\n%s", "{}"]
    outputs = Model(parse_graph(path.read_bytes(), "file")).outputs[0].shape[-1]
    sn.export_firmware(path, folder, name=name, class_names=labels[:outputs])
    (folder / "uses.c").write_text(
        f'#include "{name}.h"\n#include "{name}.h"\nconst char *const names[] = '
        f"{name.upper()}_CLASS_NAMES;\n"
    )
    files = ["selftest.c", f"{name}.c", "uses.c"]
    code, output = run(folder, *compiler, *WARNINGS, *files, "-o", "test")
    assert code == 0, output
    assert run(folder, "./test")[0] == 0


@needs_compiler
@pytest.mark.parametrize("scale", [1.0, 2.0, 1e-8, 0.1, 3e9])
def test_folder_compiles_when_scale_is_odd(scale, tmp_path):
    path = tmp_path / "relu.tflite"
    path.write_bytes(single("RELU", *([Tensor((1, 4), "int8", scale)],) * 2))
    sn.export_firmware(path, tmp_path / "net")
    code, output = run(tmp_path / "net", "gcc", *WARNINGS, "selftest.c", "model.c", "-o", "test")
    assert code == 0, output


@needs_compiler
def test_cmake_builds_folder_when_it_is_installed(path, tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("not installed: cmake")
    folder = tmp_path / "net"
    sn.export_firmware(path, folder)
    for command in (
        ("cmake", "-S", ".", "-B", "build"),
        ("cmake", "--build", "build"),
        ("ctest", "--test-dir", "build"),
    ):
        code, output = run(folder, *command)
        assert code == 0, output


@needs_compiler
def test_quantize_helper_equals_library_when_values_are_halves(path, tmp_path):
    folder = tmp_path / "net"
    sn.export_firmware(path, folder)
    engine = Model(parse_graph(NETWORK, "file"), "tflm")
    port = engine.inputs[0]
    size = int(np.prod(port.shape))
    rng = np.random.default_rng(0)
    halves = (np.arange(size) - size // 2 + 0.5) * port.scale
    for values in (halves, rng.normal(0, 3, size), np.full(size, 1e30), np.full(size, -1e30)):
        numbers = ", ".join(f"{value:.9g}f" for value in values.astype(np.float32).tolist())
        (folder / "main.c").write_text(
            '#include <stdio.h>\n#include "model.h"\n'
            f"static const float values[] = {{{numbers}}};\n"
            "static int8_t input[MODEL_INPUT_SIZE]; static float output[MODEL_OUTPUT_SIZE];\n"
            "static const int8_t raw[MODEL_OUTPUT_SIZE] = {-128, 5};\n"
            "int main(void) { model_quantize_input(values, input);\n"
            "model_dequantize_output(raw, output);\n"
            "fwrite(input, 1, sizeof input, stdout); fwrite(output, 1, sizeof output, stdout);\n"
            "return 0; }\n"
        )
        assert run(folder, "gcc", "main.c", "model.c", "-o", "main")[0] == 0
        printed = subprocess.run([folder / "main"], capture_output=True, check=True).stdout
        from snugnet.core.affine import dequantize, quantize

        expected = quantize(values.astype(np.float32), port.scale, port.zero_point, port.dtype)
        assert printed[:size] == expected.tobytes()
        end = engine.outputs[0]
        raw = np.zeros(int(np.prod(end.shape)), np.int8)
        raw[:2] = -128, 5
        assert printed[size:] == dequantize(raw, end.scale, end.zero_point).tobytes()


def test_folder_is_the_same_when_it_is_written_again(path, tmp_path):
    first, second = (sn.export_firmware(path, tmp_path / name) for name in ("a", "b"))
    texts = [
        {path.relative_to(result.folder): path.read_bytes() for path in result.written}
        for result in (first, second)
    ]
    assert texts[0] == texts[1]
    assert sorted(map(str, texts[0])) == list_files("model")


def test_folder_has_valid_json_when_platformio_reads_it(path, tmp_path):
    sn.export_firmware(path, tmp_path / "net", name="ecg")
    library = json.loads((tmp_path / "net" / "library.json").read_text())
    assert library["name"] == "ecg"
    assert library["headers"] == "ecg.h"


def test_header_describes_scaling_when_record_is_given(path, tmp_path):
    record = tmp_path / "record.json"
    scaling = {"kind": "standardize", "mean": [0.5, -1.25], "std": [2.0, 3.0]}
    record.write_text(json.dumps({"scaling": scaling, "splits": {}}))
    sn.export_firmware(path, tmp_path / "net", record=record)
    header = (tmp_path / "net" / "model.h").read_text()
    assert "#define MODEL_RAW_MEAN {0.5, -1.25}" in header
    assert "#define MODEL_RAW_STD {2.0, 3.0}" in header
    assert "(raw value - mean) / standard deviation" in header


@pytest.mark.parametrize(
    "scaling",
    [
        {},
        {"kind": "standardize"},
        {"kind": "standardize", "mean": [1.0], "std": [1.0, 2.0]},
        {"kind": "minmax", "low": [float("nan")], "high": [1.0]},
        {"kind": "*/ int x;"},
        {"kind": "none", "mean": [1.0]},
        {"kind": "minmax", "low": [], "high": []},
        {"kind": "minmax", "low": "ab", "high": "cd"},
        {"kind": "minmax", "low": 1.0, "high": 2.0},
        [],
    ],
)
def test_record_is_refused_when_it_is_damaged(scaling, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"scaling": scaling}))
    with pytest.raises(InputError, match=r"record\.json"):
        RawScaling.read(path)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("N", '"N"'),
        ("a b", '"a b"'),
        ('"', '"\\042"'),
        ("\\", '"\\134"'),
        ("??/", '"\\077\\077/"'),
        ("é", '"\\303\\251"'),
        ("%s\n", '"\\045s\\012"'),
    ],
)
def test_format_text_escapes_characters_when_they_are_special(text, literal):
    assert format_text(text) == literal


@pytest.mark.parametrize("name", ["model", "ecg_2", "Net", "x"])
def test_check_c_name_accepts_name_when_it_is_an_identifier(name):
    assert check_c_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("", "2x", "a-b", "a b", "int", "_x", "é", "x" * 41, "op3", "tensor12", "snugnet"),
        *("SNUGNET_", "arena", "memory", "string", "stdio", "golden", "Golden", "selftest"),
        *("a/b", "../x", "a\n"),
    ],
)
def test_check_c_name_refuses_name_when_code_cannot_have_it(name, path, tmp_path):
    assert check_c_name(name) is not None
    with pytest.raises(InputError, match="name"):
        sn.export_firmware(path, tmp_path / "net", name=name)
    assert not (tmp_path / "net").exists()


def test_choose_golden_takes_outputs_within_limits_when_some_are():
    outputs = np.array([[127, -128], [127, 3], [5, 6], [127, 3], [-128, 127]], np.int8)
    vectors = Vectors((np.arange(5, dtype=np.int8)[:, np.newaxis],), (outputs,))
    assert choose_golden(vectors, 3).inputs[0].ravel().tolist() == [2, 1, 0]
    assert choose_golden(vectors, 9).inputs[0].ravel().tolist() == [2, 1, 0, 4, 3]


def test_compute_vectors_drops_samples_when_batch_is_not_full():
    model = Model(parse_graph(models.network(3), "network"), "tflm")
    x = np.zeros((7, *model.inputs[0].shape[1:]), np.int8)
    assert compute_vectors(model, x).count == 2


def test_export_firmware_replaces_nothing_when_file_exists(path, tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    (folder / "other.txt").write_text("mine")
    with pytest.raises(InputError, match=r"README\.md: the file exists"):
        sn.export_firmware(path, folder)
    assert sorted(entry.name for entry in folder.iterdir()) == ["README.md", "other.txt"]
    sn.export_firmware(path, folder, overwrite=True)
    assert "mine" not in (folder / "README.md").read_text()
    assert (folder / "other.txt").read_text() == "mine"


def test_export_firmware_fails_when_folder_is_a_link_or_a_file(path, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").write_text("mine")
    for name in ("link", "file"):
        with pytest.raises(InputError, match="not a folder"):
            sn.export_firmware(path, tmp_path / name)
    assert not (tmp_path / "elsewhere").exists()


def test_export_firmware_fails_when_file_computes_in_float(tmp_path):
    path = tmp_path / "float.tflite"
    path.write_bytes(single("RELU", [Tensor((1, 4), "float32")], [Tensor((1, 4), "float32")]))
    with pytest.raises(InputError, match="is not a full-integer file"):
        sn.export_firmware(path, tmp_path / "net")


def test_export_firmware_fails_when_model_exceeds_the_budget(path, tmp_path):
    with pytest.raises(InputError, match="the limit is"):
        sn.export_firmware(path, tmp_path / "net", budget=1e-6)
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("count", [1, 30])
def test_export_firmware_fails_when_names_do_not_fit_the_output(path, count, tmp_path):
    names = [f"c{i}" for i in range(count)]
    with pytest.raises(InputError, match=f"class_names: {count} names"):
        sn.export_firmware(path, tmp_path / "net", class_names=names)


def test_write_folder_gives_same_text_when_facts_are_empty(path):
    program = make_program(Model(parse_graph(NETWORK, "network"), "tflm"))
    x = np.zeros((1, *program.model.inputs[0].shape[1:]), np.int8)
    vectors = compute_vectors(program.model, x)
    assert write_folder(program, "m", vectors) == write_folder(program, "m", vectors, ModelFacts())


def test_export_firmware_fails_when_model_has_no_outputs(tmp_path):
    path = tmp_path / "relu.tflite"
    port = Tensor((1, 4), "int8", 0.1)
    path.write_bytes(write([port, port], [Node("RELU", [0], [1])], [0], []))
    with pytest.raises(InputError, match="the model needs inputs and outputs"):
        sn.export_firmware(path, tmp_path / "net")


def test_export_firmware_fails_when_subfolder_is_a_link(path, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "qemu").symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match="a symbolic link"):
        sn.export_firmware(path, tmp_path / "net")
    assert list((tmp_path / "outside").iterdir()) == []
