"""Tests of generated code that is compiled for this machine and used from Python."""

import shutil
import tempfile

import numpy as np
import pytest

import snugnet as sn
from snugnet.core.errors import InputError
from snugnet.firmware import host
from snugnet.firmware.host import CompiledModel
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import parse_graph
from tests.tflite_files import Tensor, single
from tests.unit.int8 import models

needs_compiler = pytest.mark.skipif(not host.has_compiler(), reason="not installed: gcc")


def draw(model, count, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(count * port.shape[0], *port.shape[1:]) for port in model.inputs]
    arrays = [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


@needs_compiler
@pytest.mark.parametrize("profile", ["litert_ref", "tflm"])
@pytest.mark.parametrize(
    "file",
    [models.network(), models.network(3), models.branches()],
    ids=["network", "batch", "branches"],
)
def test_compiled_model_equals_engine_when_samples_are_many(file, profile):
    model = Model(parse_graph(file, "file"), profile)
    compiled = CompiledModel(model)
    for count in (1, 2, 50):
        x = draw(model, count)
        expected, result = model.predict(x), compiled.predict(x)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)


@needs_compiler
def test_compiled_model_equals_engine_when_ends_are_floats():
    model = Model(parse_graph(models.network(2, float_ends=True), "file"), "tflm")
    x = np.random.default_rng(1).normal(0, 3, (20, *model.inputs[0].shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(CompiledModel(model).predict(x), model.predict(x))


@needs_compiler
def test_compiled_model_equals_engine_when_there_are_two_inputs():
    port = Tensor((2, 5), "int8", 0.1)
    file = single("ADD", [port, port], [Tensor((2, 5), "int8", 0.2)], {"kind": "AddOptions"})
    model = Model(parse_graph(file, "file"), "tflm")
    x = draw(model, 7)
    np.testing.assert_array_equal(CompiledModel(model).predict(x), model.predict(x))


@needs_compiler
def test_compiled_model_fails_when_samples_have_another_shape():
    model = Model(parse_graph(models.network(), "file"), "tflm")
    with pytest.raises(InputError):
        CompiledModel(model).predict(np.zeros((1, 2, 3), np.int8))


@needs_compiler
def test_load_int8_compiles_model_when_backend_is_c(tmp_path):
    path = tmp_path / "network.tflite"
    path.write_bytes(models.network())
    compiled, engine = sn.load_int8(path, backend="c"), sn.load_int8(path)
    x = draw(engine, 3)
    assert compiled.profile == engine.profile == "litert_ref"
    np.testing.assert_array_equal(compiled.predict(x), engine.predict(x))


def test_load_int8_fails_when_backend_is_unknown(tmp_path):
    with pytest.raises(InputError, match="unknown backend 'cuda'"):
        sn.load_int8(tmp_path / "m.tflite", backend="cuda")


def test_compiled_model_names_packages_when_compiler_is_missing(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    model = Model(parse_graph(models.network(), "file"), "tflm")
    with pytest.raises(InputError, match="no C compiler found"):
        CompiledModel(model)


@needs_compiler
def test_compiled_model_leaves_no_files_when_it_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    CompiledModel(Model(parse_graph(models.network(), "file"), "tflm"))
    assert list(tmp_path.iterdir()) == []
