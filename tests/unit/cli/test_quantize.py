"""Tests of the command `snugnet quantize`."""

from pathlib import Path

import numpy as np
import pytest

from snugnet.core.tflite_schemes import FULL_INT8, MAIN_SCHEMES, SCHEMES
from snugnet.services import evaluate
from snugnet.tflite.flatbuffer import read_graph
from tests.unit.cli import foreign_models

SAMPLES = 120
CLASSIFIERS = ("mobilenet", "resnet", "ds_cnn", "conv1d", "binary", "transfer")
# The reasons why quantization-aware training is not possible.
UNTRAINABLE = {
    "lstm": "'lstm' (LSTM)",
    "gru": "'gru' (Bidirectional)",
    "custom": "'squared' (Squared)",
    "autoencoder": "the model reconstructs its input, so labels mark anomalies",
}
REFUSED = {
    "several_outputs": "2 outputs (class, age); only one is supported",
    "with_lambda": "layer 'twice': Lambda layers are not allowed",
    "custom": "layer 'squared': 'Squared' is not a supported Keras layer",
}


@pytest.fixture
def model_and_data(tmp_path, keras):
    """Return a function that writes a model and samples, and returns the options for them."""

    registered = keras.tf_keras.utils.get_custom_objects()
    before = dict(registered)

    def make(name: str, form: str = "h5", labels: bool = True) -> tuple:
        path = foreign_models.save_model_file(name, form, tmp_path)
        shape = foreign_models.BUILDERS[name]().input_shape[1:]
        rng = np.random.default_rng(0)
        y = np.arange(SAMPLES) % (2 if name == "binary" else 4)
        x = rng.normal(size=(SAMPLES, *shape)) + y.reshape(-1, *([1] * len(shape)))
        arrays = {"x": x.astype(np.float32), **({"y": y} if labels else {})}
        np.savez(tmp_path / "data.npz", **arrays)
        return "--model", path, "--data", tmp_path / "data.npz"

    yield make
    registered.clear()
    registered.update(before)


def options(name: str, tmp_path) -> tuple:
    if name != "custom":
        return ()
    (tmp_path / "mine.py").write_text(foreign_models.CUSTOM)
    return "--allow-code", tmp_path / "mine.py"


def check(result: dict, output, scheme: str) -> None:
    """Check that the file has the scheme, and that the result describes the file."""
    graph = read_graph(output)
    assert graph.tensors[graph.inputs[0]].dtype == SCHEMES[scheme].input_output
    assert result["bytes"]["output"] == output.stat().st_size
    # In some runs, the converter leaves the constant part of a recurrent layer in float.
    is_recurrent = Path(result["model"]).stem in ("gru", "lstm")
    float_operators = {"QUANTIZE", "DEQUANTIZE", "SPLIT"} if is_recurrent else set()
    assert {finding.split()[2] for finding in result["contract"]["findings"]} <= float_operators


@pytest.mark.parametrize("name", ["conv1d", "autoencoder"])
def test_quantize_writes_int8_file_when_method_is_ptq(command_json, model_and_data, tmp_path, name):
    output = tmp_path / "out.tflite"
    code, result = command_json("quantize", *model_and_data(name), "--output", output)
    assert code == 0, result
    assert result["scheme"] == "fiq_int8"
    check(result, output, "fiq_int8")
    if name == "conv1d":
        assert result["certificate"]["litert_ref"]["verdict"] == "exact"
        assert result["accuracy"]["n"] == SAMPLES / 5
        assert result["accuracy"]["low"] <= result["accuracy"]["accuracy"]
        assert -1 <= result["accuracy"]["delta"] <= 1
    else:
        assert result["accuracy"] is None
        assert "the model reconstructs its input, so labels mark anomalies" in result["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize("name", [*CLASSIFIERS, *UNTRAINABLE])
def test_quantize_writes_file_when_scheme_is_a_main_scheme(
    command_json, model_and_data, tmp_path, name, form
):
    model, more = model_and_data(name, form), options(name, tmp_path)
    for scheme in MAIN_SCHEMES:
        output = tmp_path / f"{scheme}.tflite"
        code, result = command_json(
            "quantize", *model, *more, "--output", output, "--scheme", scheme
        )
        assert code == 0, result
        check(result, output, scheme)


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("conv1d", "fiq_int8"),
        *(
            pytest.param(name, scheme, marks=pytest.mark.slow)
            for name in CLASSIFIERS
            for scheme in FULL_INT8
        ),
    ],
)
def test_quantize_writes_exact_file_when_method_is_qat(
    command_json, model_and_data, tmp_path, name, scheme
):
    output = tmp_path / "out.tflite"
    how = ("--method", "quantization_aware", "--epochs", 2, "--scheme", scheme)
    code, result = command_json(
        "quantize", *model_and_data(name, "keras"), "--output", output, *how
    )
    assert code == 0, result
    check(result, output, scheme)
    assert result["certificate"]["litert_ref"]["verdict"] == "exact"


@pytest.mark.parametrize("name", UNTRAINABLE)
def test_quantize_names_layer_when_qat_is_not_possible(command, model_and_data, tmp_path, name):
    output = tmp_path / "out.tflite"
    how = ("--method", "quantization_aware", *options(name, tmp_path))
    code, _, complaint = command("quantize", *model_and_data(name), "--output", output, *how)
    assert code == 2
    assert UNTRAINABLE[name] in complaint
    assert not output.exists()


@pytest.mark.parametrize("form", ["h5", "keras", "saved_model"])
@pytest.mark.parametrize("name", REFUSED)
def test_quantize_fails_before_loading_when_model_is_unsupported(
    command, model_and_data, tmp_path, name, form
):
    output = tmp_path / "out.tflite"
    code, _, complaint = command("quantize", *model_and_data(name, form), "--output", output)
    assert code == 2
    assert REFUSED[name] in complaint
    assert not list(tmp_path.glob("*out.*"))


def test_quantize_names_layer_when_loop_cannot_be_unrolled(command, model_and_data, tmp_path):
    output = tmp_path / "out.tflite"
    code, _, complaint = command("quantize", *model_and_data("conv_lstm"), "--output", output)
    assert code == 2
    assert "conv_lstm.h5: 'memory' (ConvLSTM2D) contains a loop over time" in complaint
    assert not output.exists()


def test_quantize_prints_few_lines_when_there_are_many_findings(command, model_and_data, tmp_path):
    """There may be hundreds of findings: only the first few are printed, one on each line."""
    from snugnet.cli.quantize import SHOWN, _first_lines

    output = tmp_path / "out.tflite"
    code, printed, _ = command(
        "quantize", *model_and_data("gru"), "--output", output, "--scheme", "drq"
    )
    assert code == 0
    assert printed.count("\n") < 12
    assert _first_lines([]) == ""
    lines = _first_lines([str(i) * 200 for i in range(SHOWN + 3)]).split("\n")
    assert lines[-1] == "  and 3 more (--json prints all)"
    assert max(map(len, lines)) < 110


def test_quantize_uses_drq_when_data_is_missing(command_json, command, model_and_data, tmp_path):
    _, model, *_ = model_and_data("conv1d")
    output = tmp_path / "out.tflite"
    code, result = command_json("quantize", "--model", model, "--output", output)
    assert code == 0
    assert result["scheme"] == "drq"
    (note,) = result["notes"]
    assert note == (
        "no weights were quantized: TensorFlow keeps tensors with fewer than 1,024 elements in "
        "float, so the file computes the same as float32"
    )
    assert (
        f"note: {note}" in command("quantize", "--model", model, "--output", output, "--force")[1]
    )
    code, _, complaint = command(
        "quantize", "--model", model, "--output", output, "--scheme", "fiq_int8"
    )
    assert code == 2
    assert "--data: missing. Scheme fiq_int8 needs calibration samples" in complaint
    assert "one of these schemes: float32, drq, float16" in complaint


@pytest.mark.parametrize("has_groups", [False, True])
def test_quantize_names_measured_samples_when_data_is_split(
    command, command_json, model_and_data, tmp_path, has_groups
):
    request = (
        "quantize",
        *model_and_data("conv1d"),
        "--output",
        tmp_path / "out.tflite",
        "--force",
    )
    if has_groups:
        arrays = dict(np.load(tmp_path / "data.npz"))
        np.savez(tmp_path / "data.npz", **arrays, group=np.arange(SAMPLES) // 12)
    assert command_json(*request)[1]["splits"] == {"train": 72, "val": 24, "test": 24}
    groups = " (2 groups)" if has_groups else ""
    used = "which were not used for calibration or training"
    assert f" on 24 of 120 samples{groups}, {used}\n" in command(*request)[1]


@pytest.mark.parametrize(("scheme", "calls"), [("float32", 1), ("drq", 2)])
def test_quantize_predicts_once_when_output_equals_float_file(
    command_json, model_and_data, tmp_path, monkeypatch, scheme, calls
):
    predicted = []
    predict_file = evaluate.predict_file

    def record(path, samples):
        predicted.append(path.name)
        return predict_file(path, samples)

    monkeypatch.setattr(evaluate, "predict_file", record)
    request = (*model_and_data("conv1d"), "--output", tmp_path / "q.tflite", "--scheme", scheme)
    code, result = command_json("quantize", *request)
    assert code == 0
    assert predicted == ["q.tflite", "float32.tflite"][:calls]
    assert scheme != "float32" or (result["accuracy"]["delta"], result["accuracy"]["p"]) == (0, 1)


def test_quantize_calibrates_when_samples_have_no_labels(command_json, model_and_data, tmp_path):
    output = tmp_path / "out.tflite"
    code, result = command_json(
        "quantize", *model_and_data("conv1d", labels=False), "--output", output
    )
    assert code == 0
    assert result["accuracy"] is None
    assert "data.npz: no labels" in result["reason"]


def test_quantize_accuracy_uses_largest_logit_when_no_softmax(command_json, keras, tmp_path):
    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential([layers.Input((3,)), layers.Dense(3, use_bias=False)])
    model.set_weights([np.eye(3)])
    model.save(tmp_path / "logits.h5")
    y = np.arange(60) % 3
    np.savez(tmp_path / "data.npz", x=np.eye(3, dtype=np.float32)[y], y=y)
    request = ("--model", tmp_path / "logits.h5", "--data", tmp_path / "data.npz")
    code, result = command_json("quantize", *request, "--output", tmp_path / "out.tflite")
    assert code == 0, result
    assert result["accuracy"]["accuracy"] == 1


def test_quantize_writes_file_when_model_is_a_saved_model(command_json, model_and_data, tmp_path):
    output = tmp_path / "out.tflite"
    code, result = command_json(
        "quantize", *model_and_data("resnet", "saved_model"), "--output", output
    )
    assert code == 0, result
    check(result, output, "fiq_int8")
