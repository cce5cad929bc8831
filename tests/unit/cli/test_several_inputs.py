"""Tests of the commands with a model that has two inputs: a signal and two numbers."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import snugnet as sn
from snugnet.int8 import load
from snugnet.tflite.flatbuffer import read_graph
from tests.two_inputs import make_arrays
from tests.unit.cli import foreign_models

ARRAYS = ("--array", "waveform=ecg", "--array", "age=person")


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return make_arrays()


@pytest.fixture(scope="module")
def trained(keras, arrays, tmp_path_factory) -> Path:
    """The file of a trained model with the inputs `waveform` and `age`, in this order."""
    keras.tf_keras.utils.set_random_seed(0)
    model = foreign_models.two_inputs()
    model.compile("adam", "sparse_categorical_crossentropy")
    inputs = [arrays["ecg"][..., None], arrays["person"]]
    model.fit(inputs, arrays["y"], epochs=60, verbose=0)
    assert (model.predict(inputs, verbose=0).argmax(1) == arrays["y"]).mean() > 0.95
    path = tmp_path_factory.mktemp("two") / "two.h5"
    model.save(path)
    return path


@pytest.fixture
def data(arrays, tmp_path) -> Path:
    np.savez(tmp_path / "data.npz", **arrays)
    return tmp_path / "data.npz"


@pytest.fixture(scope="module")
def int8_file(trained, arrays, tmp_path_factory) -> Path:
    x = [arrays["ecg"], arrays["person"]]
    quantized = sn.quantize(trained, scheme="fiq_int8", calibration=x)
    return quantized.save(tmp_path_factory.mktemp("int8") / "two.tflite")


@pytest.mark.parametrize("method", ["post_training", "quantization_aware"])
@pytest.mark.parametrize("scheme", ["fiq_int8", "fiq_float32"])
def test_quantize_keeps_accuracy_when_model_has_two_inputs(
    command_json, trained, data, tmp_path, method, scheme
):
    output = tmp_path / "out.tflite"
    options = ("--method", method, "--scheme", scheme, "--epochs", 2)
    code, result = command_json(
        *("quantize", "--model", trained, "--data", data, *ARRAYS),
        *("--array", "group=subject", "--output", output, *options),
    )
    assert code == 0, result
    assert result["contract"]["verdict"] == "pass"
    assert result["accuracy"]["accuracy"] > 0.9
    assert result["certificate"]["litert_ref"]["verdict"] == "exact"
    assert result["certificate"]["tflm"]["verdict"] == "exact"
    assert result["used"] == {"waveform": "ecg", "age": "person", "y": "y", "group": "subject"}


def test_quantize_uses_names_of_inputs_when_arrays_have_them(
    command_json, trained, arrays, tmp_path
):
    named = {"age": arrays["person"], "waveform": arrays["ecg"], "y": arrays["y"]}
    np.savez(tmp_path / "named.npz", **named)
    code, result = command_json(
        *("quantize", "--model", trained, "--data", tmp_path / "named.npz"),
        *("--output", tmp_path / "out.tflite"),
    )
    assert code == 0, result
    assert result["used"] == {"waveform": "waveform", "age": "age", "y": "y"}
    assert result["accuracy"]["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "array waveform not found. The model has 2 inputs: waveform (32, 1), age (2,)."),
        (("--array", "waveform=ecg"), "array age not found. The model has 2 inputs"),
        (
            ("--array", "waveform=person", "--array", "age=ecg"),
            "samples have shape (2,), but the model takes (32, 1)",
        ),
        (
            ("--array", "x=ecg"),
            "--array x=ecg: unknown role for a model with 2 inputs and a .npz file. Roles: "
            "waveform, age, y,",
        ),
    ],
)
def test_quantize_names_inputs_when_arrays_do_not_fit(
    command, trained, data, tmp_path, options, words
):
    arguments = ("--model", trained, "--data", data, "--output", tmp_path / "out.tflite")
    code, _, error = command("quantize", *arguments, *options)
    assert code == 2
    assert words in " ".join(error.split())


def test_quantize_advises_one_output_when_model_has_several(command, keras, tmp_path):
    path = foreign_models.save_model_file("several_outputs", "h5", tmp_path)
    output = ("--output", tmp_path / "out.tflite", "--scheme", "drq")
    code, _, error = command("quantize", "--model", path, *output)
    assert code == 2
    assert "tf_keras.Model(model.inputs, model.outputs[0])" in " ".join(error.split())
    model = foreign_models.BUILDERS["several_outputs"]()
    keras.tf_keras.Model(model.inputs, model.outputs[0]).save(tmp_path / "one.h5")
    code, _, error = command("quantize", "--model", tmp_path / "one.h5", *output)
    assert code == 0, error


def test_benchmark_compares_files_when_model_has_two_inputs(command_json, trained, int8_file, data):
    code, result = command_json(
        *("benchmark", "--model", int8_file, "--baseline", trained, "--data", data, *ARRAYS),
        *("--runs", 20),
    )
    assert code == 0, result
    assert result["accuracy"]["accuracy"] > 0.9
    assert abs(result["accuracy"]["delta"]) < 0.05
    assert result["model"]["arena_bytes"] > 0


def test_run_computes_same_integers_when_model_has_two_inputs(
    command_json, int8_file, data, arrays
):
    code, result = command_json("run", int8_file, data, *ARRAYS)
    assert code == 0, result
    assert result["accuracy"] > 0.9
    # The inputs of a file are in alphabetical order.
    raw = load(int8_file).predict([arrays["person"], arrays["ecg"][..., None]])
    assert result["raw"] == raw.tolist()
    assert command_json("verify", int8_file, "--data", data, *ARRAYS)[0] == 0
    assert command_json("verify", int8_file)[0] == 0
    graph = read_graph(int8_file)
    names = [operator.name for operator in graph.operators]
    element = ("--operator", names.index("FULLY_CONNECTED"), "--element", "0,3", *ARRAYS)
    code, steps = command_json("explain", int8_file, data, *element)
    assert code == 0, steps
    assert -128 <= steps["output"] <= 127


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_export_writes_golden_inputs_when_model_has_two(command, int8_file, data, tmp_path, arrays):
    code, _, error = command(
        *("export", int8_file, "--to", "c", "--data", data, *ARRAYS),
        *("--output", tmp_path / "two.c"),
    )
    assert code == 0, error
    program = tmp_path / "main.c"
    program.write_text(
        '#include <stdio.h>\n#include "two.h"\nint main(void) {\n'
        '  for (int i = 0; i < 2; i++) printf("%d ", two_golden_input_0[i]);\n'
        '  for (int i = 0; i < 4; i++) printf("%d ", two_golden_output[i]);\n'
        '  printf("%d", (int)(sizeof two_golden_input_1));\n}\n'
    )
    subprocess.run(
        ["cc", "-Wall", "-Werror", "two.c", "main.c", "-o", "main"], cwd=tmp_path, check=True
    )
    printed = subprocess.run(
        [tmp_path / "main"], capture_output=True, text=True, check=True
    ).stdout.split()
    model = load(int8_file)
    port = model.inputs[0]
    steps = np.round(arrays["person"][0].astype(np.float32) / np.float32(port.scale))
    expected = np.clip(steps + port.zero_point, -128, 127).astype(int)
    raw = model.predict([arrays["person"][:1], arrays["ecg"][:1, :, None]])
    assert [int(text) for text in printed] == [*expected, *raw[0], 32]


def test_api_takes_mapping_when_model_has_two_inputs(trained, int8_file, arrays):
    x = {"age": arrays["person"], "waveform": arrays["ecg"]}
    evaluation = sn.evaluate(int8_file, x, arrays["y"], groups=arrays["subject"])
    assert evaluation.accuracy.accuracy > 0.9
    comparison = sn.compare(int8_file, trained, x, arrays["y"])
    assert abs(comparison.difference.delta) < 0.05
    small = sn.prune(
        trained, (x, arrays["y"]), (x, arrays["y"]), target=0.284, epochs=2, learning_rate=1e-3
    )
    assert small.count_params() < 0.73 * foreign_models.two_inputs().count_params()
    assert [tensor.shape[1:] for tensor in small.inputs] == [(32, 1), (2,)]


def test_init_writes_study_when_model_has_two_inputs(command_json, trained, data, tmp_path):
    output = tmp_path / "study.yaml"
    code, result = command_json(
        *("init", "--data", data, "--model", trained, *ARRAYS, "--array", "group=subject"),
        *("--name", "two", "--output", output),
    )
    assert code == 0, result
    assert result["shape"] == {"waveform": [32, 1], "age": [2]}
    text = output.read_text()
    assert "x: {waveform: ecg, age: person}" in text
    assert "shape: {waveform: [32, 1], age: [2]}" in text
    assert "pruned_qat" in result["variants"]
