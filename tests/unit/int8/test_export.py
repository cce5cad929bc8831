"""Tests of exported models and of the command line of the integer engine."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from snugnet.core.budget import Budget, BudgetError
from snugnet.core.errors import InputError, ModelFormatError
from snugnet.int8 import load
from snugnet.int8.__main__ import main
from snugnet.int8.export import read, write
from tests.paths import ROOT
from tests.tflite_files import Tensor, single
from tests.unit.int8 import models


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(models.network())
    return path


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.npy"
    np.save(path, np.random.default_rng(0).integers(-128, 128, (9, 8, 8, 2)).astype(np.int8))
    return path


@pytest.mark.parametrize("kind", ["npz", "json"])
@pytest.mark.parametrize("file", [models.network(), models.branches()])
def test_exported_model_predicts_the_same_when_it_is_read_again(kind, file, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(file)
    graph = read(path)
    write(graph, tmp_path / f"model.{kind}")
    again = read(tmp_path / f"model.{kind}")
    assert again.operators == graph.operators
    first, second = load(path), load(tmp_path / f"model.{kind}")
    x = np.random.default_rng(0).integers(-128, 128, (5, *first.inputs[0].shape[1:]))
    x = x.astype(np.int8)
    np.testing.assert_array_equal(first.predict(x), second.predict(x))
    assert first.inputs == second.inputs


@pytest.mark.parametrize("kind", ["npz", "json"])
def test_exported_model_imports_only_numpy_when_run(kind, model_file, data, tmp_path):
    write(read(model_file), tmp_path / f"model.{kind}")
    program = f"""
import json
import sys
from snugnet.int8.__main__ import main
code = main([{str(tmp_path / f"model.{kind}")!r}, {str(data)!r}, "--json"])
packages = {{name.partition(".")[0] for name in sys.modules}}
own = {{name for name in packages if not name.startswith("_")}} - set(sys.stdlib_module_names)
print(json.dumps(sorted(own)), file=sys.stderr)
sys.exit(code)
"""
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})\n{program}",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    packages = set(json.loads(done.stderr.strip().splitlines()[-1]))
    # NumPy 1 registers the runtime of Cython as a module of its own.
    assert packages <= {"numpy", "snugnet", "sitecustomize", "cython_runtime"}
    expected = load(model_file).predict(np.load(data))
    assert json.loads(done.stdout)["raw"] == expected.tolist()


def test_command_line_prints_accuracy_when_labels_are_set(model_file, data, tmp_path, capsys):
    raw = load(model_file).predict(np.load(data))
    labels = raw.argmax(axis=1)
    labels[0] = (labels[0] + 1) % 3
    np.save(tmp_path / "labels.npy", labels)
    assert main([str(model_file), str(data), "--labels", str(tmp_path / "labels.npy")]) == 0
    assert capsys.readouterr().out == "accuracy 0.8889 of 9 samples\n"


def test_command_line_prints_steps_when_explain_is_set(model_file, data, capsys):
    assert main([str(model_file), str(data), "--explain", "0:0,1,1,2"]) == 0
    shown = capsys.readouterr().out
    for name in ("accumulator", "multiplier", "shift", "output zero point", "limits", "profile"):
        assert f"{name}: " in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.npz", "data.npy"], "missing.npz"),
        (["model.onnx", "data.npy"], "the file name must end in .tflite, .npz, .json"),
        (["model.tflite", "model.tflite"], "not a .npy file"),
        (["model.tflite", "data.npy", "--explain", "one"], "such as 3:0,1,2"),
    ],
)
def test_command_line_exits_2_when_request_is_wrong(
    arguments, message, model_file, data, capsys, monkeypatch
):
    monkeypatch.chdir(model_file.parent)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_load_fails_when_exported_model_is_damaged(model_file, tmp_path):
    path = tmp_path / "model.npz"
    write(read(model_file), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelFormatError, match="damaged, or not an exported model"):
        load(path)
    described = tmp_path / "model.json"
    write(read(model_file), described)
    for change in ({"format": "other"}, {"tensors": 3}, {"operators": [{}]}, {"inputs": [99]}):
        described.write_text(json.dumps({**json.loads(described.read_text()), **change}))
        with pytest.raises(ModelFormatError):
            load(described)
        write(read(model_file), described)


@pytest.mark.parametrize("kind", ["npz", "json"])
def test_load_fails_or_runs_when_a_bit_is_flipped(kind, model_file, tmp_path):
    path = tmp_path / f"model.{kind}"
    write(read(model_file), path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(300):
        damaged = bytearray(content)
        damaged[int(rng.integers(0, len(content)))] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(damaged)
        try:
            load(path).predict(np.zeros((1, 8, 8, 2), np.int8))
            outcomes.add("runs")
        except (ModelFormatError, InputError) as error:
            outcomes.add(type(error).__name__)
    assert "ModelFormatError" in outcomes


def test_load_fails_when_json_is_nested_too_deeply(tmp_path):
    path = tmp_path / "model.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ModelFormatError, match="damaged, or not an exported model"):
        load(path)


def test_load_fails_when_unpacked_size_is_too_large(tmp_path):
    path = tmp_path / "model.npz"
    np.savez_compressed(path, graph=np.zeros(2000, np.uint8))
    with pytest.raises(BudgetError, match=r"2\.1 KiB after decompression; the limit is 1000 bytes"):
        load(path, budget=Budget(bytes_unpacked=1000))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_load_fails_when_compression_has_no_limit(tmp_path, method):
    path = tmp_path / "model.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("graph.npy", bytes(2000))
    with pytest.raises(InputError, match=r"'graph\.npy' is compressed with method"):
        load(path)


def test_write_keeps_old_file_when_writing_fails(model_file, tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    write(read(model_file), path)
    content = path.read_bytes()

    def full(*_arguments, **_arrays):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="no space left"):
        write(read(model_file), path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("labels", "accuracy"),
    [
        (lambda raw: raw.argmax(axis=1), "1.0000"),
        (lambda raw: raw.argmax(axis=1)[:, np.newaxis], "1.0000"),
        # One-hot labels are classes, not a 0 or 1 for each output.
        (lambda raw: np.eye(3, dtype=np.uint8)[raw.argmax(axis=1)], "1.0000"),
        (lambda raw: np.eye(3, dtype=np.uint8)[raw.argmin(axis=1)], "0.0000"),
    ],
)
def test_command_line_compares_classes_when_output_is_softmax(
    labels, accuracy, model_file, data, tmp_path, capsys
):
    raw = load(model_file).predict(np.load(data))
    np.save(tmp_path / "labels.npy", labels(raw))
    assert main([str(model_file), str(data), "--labels", str(tmp_path / "labels.npy")]) == 0
    assert capsys.readouterr().out == f"accuracy {accuracy} of 9 samples\n"


def test_command_line_compares_with_half_when_output_is_single(tmp_path, capsys):
    tensors = [Tensor((1, 1), "int8", 0.1), Tensor((1, 1), "int8", 1 / 256, -128)]
    path = tmp_path / "model.tflite"
    path.write_bytes(single("LOGISTIC", tensors[:1], tensors[1:]))
    np.save(tmp_path / "data.npy", np.array([[-20], [-1], [1], [20]], np.int8))
    np.save(tmp_path / "labels.npy", np.array([0, 0, 1, 0]))
    arguments = [str(path), str(tmp_path / "data.npy"), "--labels", str(tmp_path / "labels.npy")]
    assert main(arguments) == 0
    assert capsys.readouterr().out == "accuracy 0.7500 of 4 samples\n"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(4), "y has shape (4,), but there are 9 samples"),
        (np.ones((9, 3), np.uint8), "The task is multiclass: save y with shape (9,)"),
    ],
)
def test_command_line_exits_2_when_labels_do_not_fit(
    model_file, data, tmp_path, capsys, labels, message
):
    np.save(tmp_path / "labels.npy", labels)
    assert main([str(model_file), str(data), "--labels", str(tmp_path / "labels.npy")]) == 2
    assert message in capsys.readouterr().err


def test_command_line_prints_json_when_explain_and_json_are_set(model_file, data, capsys):
    assert main([str(model_file), str(data), "--explain", "0:0,1,1,2", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out)["accumulator"], int)


def test_load_names_extra_when_tflite_reader_is_not_installed(model_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "snugnet.tflite.flatbuffer", None)
    with pytest.raises(InputError, match=r"install snugnet\[tflite\]"):
        load(model_file)


@pytest.mark.parametrize("value", [1.5, float("nan"), 10**40, [1, 2]])
def test_load_fails_when_option_has_wrong_type(model_file, tmp_path, value):
    path = tmp_path / "model.json"
    write(read(model_file), path)
    description = json.loads(path.read_text())
    description["operators"][0]["options"]["strideW"] = value
    path.write_text(json.dumps(description))
    with pytest.raises(ModelFormatError, match="option strideW has the value"):
        load(path)


def test_command_line_escapes_controls_when_names_have_some(model_file, data, tmp_path, capsys):
    path = tmp_path / "model.json"
    write(read(model_file), path)
    description = json.loads(path.read_text())
    description["operators"][0]["name"] = "\x1b[31mCONV_2D"
    path.write_text(json.dumps(description))
    assert main([str(path), str(data)]) == 2
    error = capsys.readouterr().err
    assert "\\x1b[31mCONV_2D" in error
    assert "\x1b" not in error


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dtype", "(9,9)f8"),
        ("dtype", "{'names':['a'],'formats':['O']}"),
        ("shape", [True, 8, 8, 2]),
    ],
)
def test_load_fails_when_tensor_has_wrong_type_or_shape(model_file, tmp_path, key, value):
    write(read(model_file), tmp_path / "m.json")
    description = json.loads((tmp_path / "m.json").read_text())
    description["tensors"][0][key] = value
    (tmp_path / "m.json").write_text(json.dumps(description))
    with pytest.raises(ModelFormatError, match="damaged, or not an exported model"):
        load(tmp_path / "m.json")


def test_load_fails_when_description_is_long(model_file, tmp_path, monkeypatch):
    from snugnet.int8 import export

    monkeypatch.setattr(export, "MAX_DESCRIPTION_BYTES", 100)
    write(read(model_file), tmp_path / "m.npz")
    with pytest.raises(InputError, match="the maximum is 100"):
        load(tmp_path / "m.npz")
