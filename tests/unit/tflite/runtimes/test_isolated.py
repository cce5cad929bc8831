"""Tests of LiteRT and TensorFlow Lite Micro in a child process without rights."""

import os

import numpy as np
import pytest

import snugnet as sn
from snugnet.core.budget import Budget, BudgetError
from snugnet.core.errors import InputError
from snugnet.services.benchmark import BenchmarkRequest, benchmark
from snugnet.tflite.model_file import ModelFile
from snugnet.tflite.runtimes import isolated, litert, micro, reference
from tests.unit.int8 import models

X = np.random.default_rng(0).normal(size=(12, 8, 8, 2)).astype(np.float32) * 5


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(models.network())
    return path


@pytest.fixture
def file(path):
    return ModelFile.read(path)


def test_predict_equals_litert_when_it_is_isolated(path, file):
    expected = litert.predict(path, X)
    for source in (path, file):
        prediction = isolated.predict(source, X)
        np.testing.assert_array_equal(prediction.raw, expected.raw, strict=True)
        assert prediction[1:] == expected[1:]


@pytest.mark.parametrize("runtime", [micro, reference])
@pytest.mark.parametrize("traced", [0, 3, 20])
def test_run_equals_runtime_when_it_is_isolated(file, runtime, traced):
    x = file.quantize_input(X)
    outputs, traces = isolated.run(runtime, file, x, traced)
    expected, expected_traces = runtime.run(file.content, file.graph, x, traced)
    np.testing.assert_array_equal(outputs, expected, strict=True)
    assert len(traces) == len(expected_traces) == min(traced, len(X))
    for trace, expected_trace in zip(traces, expected_traces, strict=True):
        assert list(trace) == list(expected_trace)
        for index, values in trace.items():
            np.testing.assert_array_equal(values, expected_trace[index], strict=True)


def test_measure_arena_equals_micro_when_it_is_isolated(file):
    assert isolated.measure_arena(file.content) == micro.measure_arena(file.content)


def test_measure_latency_returns_each_run_when_it_is_isolated(path):
    times = isolated.measure_latency(path, X, runs=5, warm_up=1, threads=2)
    assert (times.dtype, times.shape) == (np.int64, (5,))
    assert (times > 0).all()


def test_run_fails_when_runtime_rejects_the_file(file):
    damaged = ModelFile(file.content[:40], file.graph, "m")
    for runtime in (micro, reference):
        with pytest.raises(RuntimeError):
            isolated.run(runtime, damaged, file.quantize_input(X), 1)


def test_predict_fails_when_memory_is_short(path, monkeypatch):
    monkeypatch.setattr(litert, "predict", lambda *arguments: bytes(1 << 30))
    with pytest.raises(BudgetError, match=r"needs more than 100\.0 MiB"):
        isolated.predict(path, X, Budget(bytes_held=100 << 20))


@pytest.fixture
def taken_over(monkeypatch):
    """Runtimes that a file took over. They end their process."""

    def attack(*arguments, **keywords):
        os.abort()

    for module, name in (
        (litert, "predict"),
        (litert, "measure_latency"),
        (litert, "check_shapes"),
        (micro, "run"),
        (micro, "measure_arena"),
        (reference, "run"),
    ):
        monkeypatch.setattr(module, name, attack)


@pytest.mark.parametrize(
    "use",
    [
        lambda path: sn.verify(path),
        lambda path: sn.evaluate(path, X, np.arange(12) % 2),
        lambda path: benchmark(BenchmarkRequest(path, runs=1)),
        lambda path: isolated.predict(path, X),
    ],
)
def test_service_fails_when_file_takes_over_litert(path, taken_over, use):
    with pytest.raises(InputError, match="running it with LiteRT crashes with SIGABRT"):
        use(path)


def test_runtime_is_rejected_when_file_takes_it_over(file, taken_over):
    with pytest.raises(RuntimeError, match="crashed on this file"):
        isolated.run(micro, file, file.quantize_input(X), 1)
    with pytest.raises(RuntimeError, match="crashed on this file"):
        isolated.measure_arena(file.content)
