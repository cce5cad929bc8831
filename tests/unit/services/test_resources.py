"""Tests of the checks of a user's .tflite file before LiteRT runs it."""

import numpy as np
import pytest

import snugnet as sn
from snugnet.core.budget import Budget, BudgetError
from snugnet.core.errors import InputError
from snugnet.core.inputs import list_graph_inputs
from snugnet.services import resources
from snugnet.services.benchmark import BenchmarkRequest, benchmark
from snugnet.services.resources import check_resources
from snugnet.services.verify import verify
from snugnet.tflite import flatbuffer
from snugnet.tflite.flatbuffer import read_graph
from tests.tflite_files import Node, Tensor, constant, single, write

SMALL = Budget(seconds=20, bytes_held=500 << 20)


def write_pad(path, dtype, added):
    """Write a file whose PAD makes 1 GB, although its output has the shape of four numbers."""
    widths = constant([[0, 0], [0, added]])
    scale = None if dtype == "float32" else 0.1
    inputs, output = Tensor((1, 4), dtype, scale), Tensor((1, 4), dtype, scale)
    path.write_bytes(single("PAD", [inputs, widths], [output], {"kind": "PadOptions"}))
    return path


@pytest.fixture
def false_shape(tmp_path):
    return write_pad(tmp_path / "pad.tflite", "float32", 2**28)


@pytest.fixture
def many_products(tmp_path):
    """A file of 500 products of matrices, 537 billion multiply-accumulates in all."""
    size, count = 1024, 500
    tensors = [Tensor((1, size, size), "float32") for _ in range(count + 1)]
    options = {"kind": "BatchMatMulOptions"}
    nodes = [Node("BATCH_MATMUL", [i, i], [i + 1], options) for i in range(count)]
    path = tmp_path / "products.tflite"
    path.write_bytes(write(tensors, nodes, [0], [count]))
    return path


def test_check_resources_fails_when_shapes_are_wrong(false_shape):
    graph = read_graph(false_shape)
    with pytest.raises(ValueError, match=r"pad\.tflite: .* at most 500\.0 MiB of memory"):
        check_resources(false_shape, graph, 1, SMALL)


@pytest.mark.parametrize(
    ("message", "has_hint"),
    [
        ("m: LiteRT cannot run it (no)", True),
        ("m: LiteRT cannot run it. Use another.", True),
        ("m: tensor 3 has another shape", False),
    ],
)
def test_check_resources_names_limit_when_litert_fails(false_shape, monkeypatch, message, has_hint):
    def fail(work, budget, what, kept):
        raise InputError(message)

    monkeypatch.setattr(resources, "compute_in_child", fail)
    with pytest.raises(InputError) as error:
        check_resources(false_shape, read_graph(false_shape), 1, SMALL)
    hint = ". It was run with at most 500.0 MiB of memory (--budget)"
    assert str(error.value) == message.rstrip(".") + (hint if has_hint else "")


def test_check_resources_fails_when_work_exceeds_the_budget(many_products):
    with pytest.raises(BudgetError, match="536,870,912,000 multiply-accumulates"):
        check_resources(many_products, read_graph(many_products), 1, Budget(bytes_held=1 << 40))


def test_evaluate_fails_when_file_exceeds_the_budget(false_shape):
    x, y = np.zeros((6, 4), np.float32), np.arange(6) % 2
    with pytest.raises(ValueError, match="at most 500"):
        sn.evaluate(false_shape, x, y, budget=SMALL)


def test_verify_fails_when_file_exceeds_the_budget(tmp_path):
    path = write_pad(tmp_path / "pad.tflite", "int8", 2**30)
    with pytest.raises(ValueError, match="at most 500"):
        verify(path, budget=SMALL)


def test_benchmark_fails_when_baseline_exceeds_the_budget(false_shape, tmp_path):
    path = tmp_path / "small.tflite"
    path.write_bytes(single("RELU", [Tensor((1, 4), "float32")], [Tensor((1, 4), "float32")]))
    request = BenchmarkRequest(model=path, baseline=false_shape, budget=SMALL)
    with pytest.raises(ValueError, match=r"pad\.tflite: .* at most 500"):
        benchmark(request)


def test_predict_uses_fewer_samples_when_tensors_are_large(tmp_path, monkeypatch):
    from snugnet.tflite.runtimes import litert

    path = tmp_path / "relu.tflite"
    path.write_bytes(single("RELU", [Tensor((1, 100), "float32")], [Tensor((1, 100), "float32")]))
    x = np.random.default_rng(0).normal(size=(9, 100)).astype(np.float32)
    sizes = []
    resize = litert._resize
    monkeypatch.setattr(
        litert, "_resize", lambda opened, size: (sizes.append(size), resize(opened, size))[1]
    )
    monkeypatch.setattr(litert, "MAX_BATCH_BYTES", 4 * 200 * 3)
    np.testing.assert_array_equal(litert.predict(path, x).raw, np.maximum(x, 0))
    assert sizes == [3]


@pytest.mark.parametrize("is_size_of_shape", [True, False])
def test_check_resources_fails_when_size_depends_on_samples(tmp_path, is_size_of_shape):
    """A trial with zeros could not see how large an output becomes."""
    tensors = [
        Tensor((2,), "int32"),
        Tensor((1,), "int32"),
        constant(0.5, "float32"),
        Tensor((2,), "float32"),
    ]
    nodes = [
        Node("SHAPE", [0], [1], {"kind": "ShapeOptions", "outType": 2}),
        Node("FILL", [1 if is_size_of_shape else 0, 2], [3], {"kind": "FillOptions"}),
    ]
    path = tmp_path / "fill.tflite"
    path.write_bytes(write(tensors, nodes, [0], [3]))
    if is_size_of_shape:
        check_resources(path, read_graph(path), 1, SMALL)
        return
    with pytest.raises(InputError, match="operator 1 FILL: the size of its output"):
        check_resources(path, read_graph(path), 1, SMALL, "m.h5")


def test_read_graph_fails_when_operators_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(flatbuffer, "MAX_OPERATORS", 1)
    tensors = [Tensor((1, 2), "float32") for _ in range(3)]
    nodes = [Node("RELU", [i], [i + 1]) for i in range(2)]
    path = tmp_path / "m.tflite"
    path.write_bytes(write(tensors, nodes, [0], [2]))
    with pytest.raises(InputError, match="2 operators are too many; the maximum is 1"):
        read_graph(path)


def test_read_graph_fails_when_inputs_are_too_many(tmp_path):
    """A list of inputs can repeat one tensor."""
    tensors = [Tensor((1, 2), "float32") for _ in range(2)]
    path = tmp_path / "m.tflite"
    path.write_bytes(write(tensors, [Node("RELU", [0], [1])], [0] * 1000, [1]))
    names = {port.name for port in list_graph_inputs(read_graph(path))}
    assert len(names) == 1000
    path.write_bytes(write(tensors, [Node("RELU", [0], [1])], [0] * 1001, [1]))
    with pytest.raises(InputError, match=r"m\.tflite.* has 1,001 inputs; the maximum is 1,000"):
        read_graph(path)
