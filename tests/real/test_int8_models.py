"""Tests of the integer engine with published int8 models, against stored outputs and runtimes."""

import os
from pathlib import Path

import numpy as np
import pytest

from snugnet.core.errors import ModelFormatError
from snugnet.int8 import load
from tests.runtimes import litert, tflm

FOLDER = os.environ.get("SNUGNET_DATASETS")
DATASETS = Path(FOLDER or "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(FOLDER is None, reason="SNUGNET_DATASETS names no folder of real data"),
]
FOLDERS = {
    "mlperf_tiny_tflite": (
        *("ad01_int8", "ad01_fullint_floatio", "kws_ref_model", "pretrainedResnet_quant"),
    ),
    "tflite_micro": ("hello_world_int8", "micro_speech_quantized"),
}
INTEGER = [(folder, name) for folder, names in FOLDERS.items() for name in names]
FLOAT = [
    *("ad01_fp32", "ad01_quant_hybrid", "kws_ref_model_float32", "vww_96_float"),
    *("pretrainedResnet", "pretrainedResnet_large_float"),
]
# Only the outputs of these were stored.
NO_TENSORS = ("ad01_fullint_floatio",)
SAMPLES = 1000


def stored_inputs(path: Path, model) -> list[np.ndarray]:
    files = sorted(path.parent.glob(f"{path.stem}_input*.csv"))
    return [
        np.loadtxt(file, delimiter=",").ravel().astype(port.dtype).reshape(port.shape)
        for file, port in zip(files, model.inputs, strict=True)
    ]


def random_inputs(path: Path, model) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    arrays = []
    for place, port in enumerate(model.inputs):
        if port.dtype == "int32":  # a shape: another one would change the shape of the output
            arrays.append(np.concatenate([stored_inputs(path, model)[place]] * SAMPLES))
            continue
        shape = (SAMPLES * port.shape[0], *port.shape[1:])
        if port.dtype == "float32":
            arrays.append((rng.normal(size=shape) * 3).astype(np.float32))
        else:
            info = np.iinfo(port.dtype)
            arrays.append(rng.integers(info.min, info.max + 1, shape).astype(port.dtype))
    return arrays


def check_all_tensors(path: Path, profile: str) -> None:
    """Compare every tensor of 1,000 random inputs with a fresh run of the profile's truth."""
    model, file = load(path, profile), path.read_bytes()
    x = random_inputs(path, model)
    batch_sizes = [port.shape[0] for port in model.inputs]
    indexes = [i for operator in model.graph.operators for i in operator.outputs]
    for start in range(0, SAMPLES, 50):
        part = [a[start * n : (start + 50) * n] for a, n in zip(x, batch_sizes, strict=True)]
        inputs = [
            [a[i * n : (i + 1) * n] for a, n in zip(part, batch_sizes, strict=True)]
            for i in range(50)
        ]
        truths = litert(file, inputs) if profile == "litert_ref" else tflm(file, inputs, indexes)
        tensors = model.trace(part)
        for index in indexes:
            truth = np.stack([sample[index] for sample in truths])
            np.testing.assert_array_equal(
                tensors[index].reshape(truth.shape), truth, err_msg=f"{path.stem} tensor {index}"
            )


@pytest.mark.parametrize(("folder", "name"), INTEGER)
def test_engine_equals_stored_tensors_when_model_is_published(folder, name):
    model = load(DATASETS / folder / f"{name}.tflite")
    stored = np.load(DATASETS / folder / "reference_io.npz", allow_pickle=False)
    x = stored[f"{name}__input"].reshape(-1, *model.inputs[0].shape[1:])
    expected = stored[f"{name}__output"]
    np.testing.assert_array_equal(model.predict(x).reshape(expected.shape), expected)
    tensors = {
        int(key.rsplit("_", 1)[1]): stored[key]
        for key in stored.files
        if key.startswith(f"{name}__tensor_")
    }
    assert tensors or name in NO_TENSORS
    traced = model.trace(x[:1])
    for index, array in tensors.items():
        np.testing.assert_array_equal(traced[index].reshape(array.shape), array)


@pytest.mark.parametrize("profile", ["litert_ref", "tflm"])
@pytest.mark.parametrize(("folder", "name"), INTEGER)
def test_engine_tensors_equal_runtime_when_inputs_are_random(folder, name, profile):
    check_all_tensors(DATASETS / folder / f"{name}.tflite", profile)


@pytest.mark.parametrize("profile", ["litert_ref", "tflm"])
def test_engine_int16_tensors_equal_runtime_when_inputs_random(profile):
    paths = sorted((DATASETS / "tflite_micro" / "seanet").glob("*/*.tflite"))
    assert len(paths) == 127
    for path in paths:
        check_all_tensors(path, profile)


@pytest.mark.parametrize("name", FLOAT)
def test_load_fails_when_model_computes_in_float(name):
    with pytest.raises(ModelFormatError, match=r"operator 0 \w+: tensor \d+ is float32; allowed"):
        load(DATASETS / "mlperf_tiny_tflite" / f"{name}.tflite")


def test_engine_equals_golden_output_when_operator_is_int16():
    """The installed TensorFlow Lite Micro itself misses four values of LEAKY_RELU by one."""
    paths = sorted((DATASETS / "tflite_micro" / "seanet").glob("*/*.tflite"))
    assert len(paths) == 127
    for path in paths:
        file = path.read_bytes()
        model, micro = load(path), load(path, "tflm")
        x = stored_inputs(path, model)
        (golden,) = path.parent.glob(f"{path.stem}_golden_*.csv")
        expected = np.loadtxt(golden, delimiter=",").ravel()
        np.testing.assert_array_equal(model.predict(x).ravel(), expected, err_msg=path.stem)
        index = micro.outputs[0].index
        truth = tflm(file, [x], [index])[0][index]
        np.testing.assert_array_equal(micro.predict(x), truth, err_msg=path.stem)
