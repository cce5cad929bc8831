"""Exported models: the same outputs, with NumPy and the standard library alone."""

import json
import subprocess
import sys

import numpy as np
import pytest

from snugnet.core.errors import InputError, ModelFormatError
from snugnet.int8 import export, load
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
def test_an_export_computes_the_same(kind, file, tmp_path):
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
def test_an_export_runs_with_numpy_alone(kind, model_file, data, tmp_path):
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


def test_the_command_line_measures_accuracy(model_file, data, tmp_path, capsys):
    raw = load(model_file).predict(np.load(data))
    labels = raw.argmax(axis=1)
    labels[0] = (labels[0] + 1) % 3
    np.save(tmp_path / "labels.npy", labels)
    assert main([str(model_file), str(data), "--labels", str(tmp_path / "labels.npy")]) == 0
    assert capsys.readouterr().out == "accuracy 0.8889 of 9 samples\n"


def test_the_command_line_explains(model_file, data, capsys):
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
def test_a_wrong_request_ends_with_2_and_says_why(
    arguments, message, model_file, data, capsys, monkeypatch
):
    monkeypatch.chdir(model_file.parent)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_damaged_export_is_refused(model_file, tmp_path):
    path = tmp_path / "model.npz"
    write(read(model_file), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
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
def test_flipped_bits_of_an_export_are_refused_or_run(kind, model_file, tmp_path):
    path = tmp_path / f"model.{kind}"
    write(read(model_file), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    ends = set()
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[int(rng.integers(0, len(whole)))] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(damaged)
        try:
            load(path).predict(np.zeros((1, 8, 8, 2), np.int8))
            ends.add("runs")
        except (ModelFormatError, InputError) as error:
            ends.add(type(error).__name__)
    assert "ModelFormatError" in ends


def test_an_export_nested_without_end_is_refused(tmp_path):
    path = tmp_path / "model.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ModelFormatError, match="damaged, or not an exported model"):
        load(path)


def test_an_export_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MAX_BYTES", 1000)
    path = tmp_path / "model.npz"
    np.savez_compressed(path, graph=np.zeros(2000, np.uint8))
    with pytest.raises(ModelFormatError, match="bytes unpacked; the maximum is 1000"):
        load(path)


def test_a_failed_export_leaves_the_old_one(model_file, tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    write(read(model_file), path)
    whole = path.read_bytes()

    def full(*_arguments, **_arrays):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="no space left"):
        write(read(model_file), path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("labels", "accuracy"),
    [
        # One 0 or 1 for each output: a score of 0.5 is the raw number 0.
        (lambda raw: (raw >= 0).astype(np.uint8), "1.0000"),
        (lambda raw: (raw < 0).astype(np.uint8), "0.0000"),
        (lambda raw: raw.argmax(axis=1)[:, np.newaxis], "1.0000"),
    ],
)
def test_labels_of_several_outputs_are_decided_at_a_half(
    labels, accuracy, model_file, data, tmp_path, capsys
):
    raw = load(model_file).predict(np.load(data))
    np.save(tmp_path / "labels.npy", labels(raw))
    assert main([str(model_file), str(data), "--labels", str(tmp_path / "labels.npy")]) == 0
    assert capsys.readouterr().out == f"accuracy {accuracy} of 9 samples\n"


def test_one_output_is_decided_at_a_half(tmp_path, capsys):
    tensors = [Tensor((1, 1), "int8", 0.1), Tensor((1, 1), "int8", 1 / 256, -128)]
    path = tmp_path / "model.tflite"
    path.write_bytes(single("LOGISTIC", tensors[:1], tensors[1:]))
    np.save(tmp_path / "data.npy", np.array([[-20], [-1], [1], [20]], np.int8))
    np.save(tmp_path / "labels.npy", np.array([0, 0, 1, 0]))
    arguments = [str(path), str(tmp_path / "data.npy"), "--labels", str(tmp_path / "labels.npy")]
    assert main(arguments) == 0
    assert capsys.readouterr().out == "accuracy 0.7500 of 4 samples\n"


def test_labels_of_another_number_are_refused(model_file, data, tmp_path, capsys):
    np.save(tmp_path / "labels.npy", np.zeros(4))
    assert main([str(model_file), str(data), "--labels", str(tmp_path / "labels.npy")]) == 2
    assert (
        "expected one class for each of 9 samples, or 3 values of 0 or 1 each"
        in capsys.readouterr().err
    )


def test_explanations_are_json_numbers(model_file, data, capsys):
    assert main([str(model_file), str(data), "--explain", "0:0,1,1,2", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out)["accumulator"], int)


def test_reading_tflite_without_its_packages_names_what_to_install(model_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "snugnet.tflite.flatbuffer", None)
    with pytest.raises(InputError, match=r"install snugnet\[tflite\]"):
        load(model_file)
