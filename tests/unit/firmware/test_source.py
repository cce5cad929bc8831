"""Tests of the C code of whole models."""

import subprocess

import numpy as np
import pytest

from snugnet.firmware.header import write_header
from snugnet.firmware.program import make_program
from snugnet.firmware.source import write_source
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import read_graph
from tests.firmware_build import WARNINGS, compile_model, needs_compiler
from tests.unit.int8 import models

pytestmark = needs_compiler

MODELS = {
    "network": models.network(),
    "batch": models.network(3),
    "floats": models.network(2, float_ends=True),
    "branches": models.branches(),
}
SANITIZERS = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")


def load(name, profile, folder):
    path = folder / "model.tflite"
    path.write_bytes(MODELS[name])
    return Model(read_graph(path), profile)


def draw(model, seed):
    rng = np.random.default_rng(seed)
    return [
        rng.normal(0, 3, port.shape).astype(np.float32)
        if port.dtype == "float32"
        else rng.integers(-128, 128, port.shape).astype(np.int8)
        for port in model.inputs
    ]


@pytest.mark.parametrize("options", [("-O2",), ("-O0",), SANITIZERS], ids=["O2", "O0", "sanitized"])
@pytest.mark.parametrize("profile", ["litert_ref", "tflm"])
@pytest.mark.parametrize("name", MODELS)
def test_c_code_equals_engine_when_model_has_several_operators(name, profile, options, tmp_path):
    model = load(name, profile, tmp_path)
    library = compile_model(model, tmp_path, *options)
    for seed in range(5):
        inputs = draw(model, seed)
        (result,) = library.predict(inputs)
        np.testing.assert_array_equal(result, model.predict(inputs))


@pytest.mark.parametrize("name", MODELS)
def test_c_code_compiles_as_cpp_when_warnings_are_errors(name, tmp_path):
    program = make_program(load(name, "tflm", tmp_path))
    (tmp_path / "net.h").write_text(write_header(program, "net"))
    (tmp_path / "net.cpp").write_text(write_source(program, "net"))
    command = ["g++", "-std=c++11", *WARNINGS, "-c", "net.cpp", "-o", "net.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]


def test_c_code_is_the_same_when_it_is_generated_again(tmp_path):
    texts = [
        write_source(make_program(load("branches", "tflm", tmp_path)), "net") for _ in range(2)
    ]
    assert texts[0] == texts[1]


def test_c_code_includes_only_needed_kernels_when_model_is_small(tmp_path):
    text = write_source(make_program(load("branches", "tflm", tmp_path)), "net")
    assert "snugnet_add_scaled_s8" in text
    assert "snugnet_convolve" not in text
    assert "malloc" not in text
