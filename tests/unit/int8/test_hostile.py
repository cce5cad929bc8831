"""Tests of damaged and hostile .tflite files."""

import collections
import os
import subprocess
import sys
import time

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from snugnet.core.budget import BudgetError
from snugnet.core.errors import InputError, ModelFormatError
from snugnet.int8 import load
from tests.paths import ROOT
from tests.tflite_files import Tensor, single
from tests.unit.int8 import models
from tests.unit.int8.corrupt import run

ModelT = schema.ModelT

MODELS = {
    "network": models.network(),
    "real numbers": models.network(float_ends=True),
    "branches": models.branches(),
}
DAMAGES, MUTATIONS = (5000, 1000) if os.environ.get("SNUGNET_EXAMPLES") else (300, 80)


@pytest.mark.parametrize("name", MODELS)
def test_load_fails_or_runs_when_bytes_are_damaged(name, tmp_path):
    path = tmp_path / "whole.tflite"
    path.write_bytes(MODELS[name])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.unit.int8.corrupt", path, "0", str(DAMAGES)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *problems, last = done.stdout.splitlines()
    assert problems == []
    # Both ends must have been reached, or the damage was none, or all of it fatal.
    assert "'refused': " in last
    assert "'runs': " in last


def tables(change) -> bytes:
    """Write the branches with one thing of their structure changed, as bit flips rarely do."""
    model = ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(MODELS["branches"]), 0))
    change(model.subgraphs[0], model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def mutations() -> dict[str, bytes]:
    rng = np.random.default_rng(3)
    files = {}
    for seed in range(MUTATIONS):

        def change(graph, model, seed=seed):
            operator = graph.operators[rng.integers(len(graph.operators))]
            tensor = graph.tensors[rng.integers(len(graph.tensors))]
            index = int(rng.integers(-1, len(graph.tensors)))
            kind = seed % 8
            if kind == 0:
                operator.inputs = np.append(operator.inputs, index)
            elif kind == 1:
                operator.outputs = np.append(operator.outputs, index)
            elif kind == 2:
                operator.inputs = np.asarray(operator.inputs)[:-1]
            elif kind == 3:
                tensor.type = int(rng.integers(0, 12))
            elif kind == 4:
                tensor.shape = np.append(tensor.shape, int(rng.choice([0, 1, 2, 1 << 20])))
            elif kind == 5:
                tensor.buffer = int(rng.integers(0, len(model.buffers)))
            elif kind == 6:
                operator.opcodeIndex = int(rng.integers(0, len(model.operatorCodes)))
            else:
                operator.inputs, operator.outputs = operator.outputs, operator.inputs

        files[f"{seed}"] = tables(change)
    return files


def add_group(graph, model):
    model.externalBufferGroups = [schema.ExternalBufferGroupT(b"/etc/passwd")]


def add_external_buffer(graph, model):
    model.externalBuffers = [schema.ExternalBufferT()]


def move_constant(graph, model):
    model.buffers[-1].offset, model.buffers[-1].size = 16, 4


@pytest.mark.parametrize("change", [add_group, add_external_buffer, move_constant])
def test_load_fails_when_constants_are_outside_of_the_flatbuffer(change, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(tables(change))
    with pytest.raises(ModelFormatError, match="constants stored outside the flatbuffer"):
        load(path)


def test_load_fails_or_runs_when_structure_is_changed(tmp_path):
    path = tmp_path / "model.tflite"
    outcomes = collections.Counter()
    for name, file in mutations().items():
        path.write_bytes(file)
        try:
            outcomes[run(path)] += 1
        except InputError as error:
            # An input of another shape or type than the zeros: not of the file.
            raise AssertionError(f"mutation {name}: {error}") from error
    assert outcomes["refused"] > MUTATIONS / 2
    assert outcomes["runs"] > 0


def test_load_fails_soon_when_pooling_is_too_large(tmp_path):
    tensor = Tensor((1, 3000, 3000, 1), "int8", 0.1)
    sizes = {"strideH": 1, "strideW": 1, "filterHeight": 250, "filterWidth": 250}
    path = tmp_path / "model.tflite"
    for operator in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        path.write_bytes(single(operator, [tensor], [tensor], {"kind": "Pool2DOptions", **sizes}))
        started = time.perf_counter()
        with pytest.raises(BudgetError, match=f"operator 0 {operator} needs .* multiply-acc"):
            load(path)
        assert time.perf_counter() - started < 2


def test_load_fails_when_tensors_share_one_long_shape(tmp_path):
    """A few bytes each in the file, and together more numbers than it could hold."""
    builder = flatbuffers.Builder(1024)
    shape = builder.CreateNumpyVector(np.ones(6000, np.int32))
    schema.TensorStart(builder)
    schema.TensorAddShape(builder, shape)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, 6000)
    for _ in range(6000):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.BufferStart(builder)
    buffer = schema.BufferEnd(builder)
    schema.ModelStartBuffersVector(builder, 1)
    builder.PrependUOffsetTRelative(buffer)
    buffers = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    path = tmp_path / "model.tflite"
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(ModelFormatError, match="do not fit the file size"):
        load(path)
