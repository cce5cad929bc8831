"""Tests of the digests of results in the manifest."""

from dataclasses import replace

import flatbuffers
import h5py
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from snugnet.core.errors import ModelFormatError
from snugnet.core.files import write_json
from snugnet.core.tflite_graph import Graph
from snugnet.evaluation.manifest import compute_digests
from snugnet.tflite.digest import compute_semantic_digest
from snugnet.tflite.flatbuffer import read_graph
from tests.tflite_files import Node, Tensor, constant, write

WEIGHTS = constant([[1, 2], [3, 4]], "int8", scale=(0.5, 0.25))
TENSORS = (Tensor((1, 2), "int8", 0.1, 3), WEIGHTS, Tensor((1, 2), "int8", 0.2, -1))
OPTIONS = {"kind": "FullyConnectedOptions", "fusedActivationFunction": 0}
NODE = Node("FULLY_CONNECTED", (0, 1), (2,), OPTIONS)


def file(folder, tensors=TENSORS, node=NODE, **changes) -> str:
    model = schema.ModelT.InitFromPackedBuf(write(tensors, [node], [0], [2]), 0)
    for name, value in changes.items():
        setattr(model, name, value)
    return repack(folder / "model.tflite", model)


def repack(path, model):
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def digest(*args, **kwargs) -> str:
    return compute_semantic_digest(read_graph(file(*args, **kwargs)))


def test_semantic_digest_is_equal_when_only_names_differ(tmp_path):
    reference = digest(tmp_path)
    before = file(tmp_path).read_bytes()
    assert digest(tmp_path, description=b"made on a Tuesday") == reference
    model = schema.ModelT.InitFromPackedBuf(before, 0)
    model.subgraphs[0].tensors[1].name = b"sequential_7/dense/MatMul"
    after = repack(tmp_path / "model.tflite", model)
    assert after.read_bytes() != before
    assert compute_semantic_digest(read_graph(after)) == reference


def test_semantic_digest_is_equal_when_tensor_indexes_differ(tmp_path):
    graph = read_graph(file(tmp_path))
    last = len(graph.tensors) - 1
    places = {tensor.index: last - tensor.index for tensor in graph.tensors}
    reversed_graph = Graph(
        tuple(replace(t, index=places[t.index]) for t in reversed(graph.tensors)),
        tuple(
            replace(
                operator,
                inputs=tuple(places.get(i, i) for i in operator.inputs),
                outputs=tuple(places[i] for i in operator.outputs),
            )
            for operator in graph.operators
        ),
        tuple(places[i] for i in graph.inputs),
        tuple(places[i] for i in graph.outputs),
    )
    assert reversed_graph != graph
    assert compute_semantic_digest(reversed_graph) == compute_semantic_digest(graph)


@pytest.mark.parametrize(
    ("index", "change"),
    [
        (0, {"scale": np.nextafter(np.float32(0.1), np.float32(1))}),
        (0, {"zero_point": 4}),
        (1, {"values": np.array([[1, 2], [3, 5]], np.int8)}),
        (1, {"scale": (0.5, 0.125)}),
        (2, {"shape": (2, 1)}),
        (2, {"dtype": "int16", "zero_point": 0}),
    ],
    ids=str,
)
def test_semantic_digest_differs_when_tensor_differs(tmp_path, index, change):
    tensors = list(TENSORS)
    tensors[index] = replace(tensors[index], **change)
    assert digest(tmp_path, tensors) != digest(tmp_path)


@pytest.mark.parametrize(
    "node",
    [
        replace(NODE, options={**OPTIONS, "fusedActivationFunction": 1}),
        replace(NODE, inputs=(0, 1, -1)),
        Node("BATCH_MATMUL", (0, 1), (2,)),
    ],
    ids=["options", "inputs", "operator"],
)
def test_semantic_digest_differs_when_operator_differs(tmp_path, node):
    assert digest(tmp_path, node=node) != digest(tmp_path)


def test_semantic_digest_fails_when_part_cannot_be_read(tmp_path):
    graph = read_graph(file(tmp_path))
    unread = replace(graph.tensors[1], dtype="int4", values=None)
    with pytest.raises(ModelFormatError, match="cannot compute a digest of"):
        compute_semantic_digest(replace(graph, tensors=(unread,)))
    custom = replace(graph.operators[0], name="CUSTOM")
    with pytest.raises(ModelFormatError, match="cannot compute a digest of"):
        compute_semantic_digest(replace(graph, operators=(custom,)))


def model(path, value=1.0, name="kernel", config="relu") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as stored:
        stored.attrs["model_config"] = config
        stored.create_dataset(f"model_weights/dense/{name}", data=np.full((2, 3), value))


def test_digest_of_model_differs_when_layers_or_weights_differ(tmp_path):
    path = tmp_path / "models" / "a" / "original" / "model.h5"

    def now(**changes) -> dict[str, str]:
        model(path, **changes)
        return compute_digests(tmp_path, [path])

    reference = now()
    assert list(reference) == ["models/a/original/model.h5"]
    assert now() == reference
    assert now(value=np.nextafter(1.0, 2.0)) != reference
    assert now(name="bias") != reference
    assert now(config="relu6") != reference


def test_digest_of_arrays_is_equal_when_only_archives_differ(tmp_path):
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "task": np.array("binary")}
    np.savez(tmp_path / "a.npz", **arrays)
    np.savez_compressed(tmp_path / "b.npz", **dict(reversed(arrays.items())))
    np.savez(tmp_path / "c.npz", **{**arrays, "x": arrays["x"].astype(np.float64)})
    np.savez(tmp_path / "d.npz", **{**arrays, "x": arrays["x"] + 1})
    a, b, c, d = compute_digests(tmp_path, sorted(tmp_path.glob("*.npz"))).values()
    assert a == b
    assert len({a, c, d}) == 3


def test_digest_of_metrics_is_equal_when_only_latency_differs(tmp_path):
    path = tmp_path / "metrics" / "a" / "original" / "float32" / "litert.json"

    def now(**row) -> str:
        write_json(path, {"accuracy": 0.5, "latency_us_median": 1.0, **row})
        return compute_digests(tmp_path, [path])["metrics/a/original/float32/litert.json"]

    assert now(latency_us_median=7.0, latency_us_p95=9.0) == now()
    assert now(accuracy=0.5000001) != now()
