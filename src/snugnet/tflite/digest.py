"""Digests of .tflite files: equal for files that hold the same network."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_graph import Graph, Operator, Tensor


def compute_semantic_digest(graph: Graph) -> str:
    """Digest the graph, the weights and the quantization of a file.

    Names and numbers of tensors, the order of a file's tables, and metadata such as the
    converter's version do not count.

    Returns:
        A SHA-256 digest, hexadecimal.

    Raises:
        ModelFormatError: If the file has content that is not in the graph: constants of types that
            NumPy does not have, or custom operators.
    """
    unread = [tensor.name for tensor in graph.tensors if tensor.size and tensor.values is None]
    custom = [op.name for op in graph.operators if op.name == "CUSTOM"]
    if unread or custom:
        raise ModelFormatError(f"cannot compute a digest of {(unread + custom)[0]!r}")
    graph = number_by_use(graph)
    digest = hashlib.sha256()
    operators = [[op.name, op.inputs, op.outputs, dict(op.options)] for op in graph.operators]
    description = [operators, graph.inputs, graph.outputs, *map(_describe, graph.tensors)]
    # Keys are sorted, so that the order of options does not matter. The sizes of tensors are part
    # of the description, so that the bytes of the constants below can be divided in one way only.
    digest.update(json.dumps(description, sort_keys=True, default=_to_json).encode())
    for tensor in graph.tensors:
        if tensor.values is not None:
            digest.update(tensor.values.tobytes())
    return digest.hexdigest()


def number_by_use(graph: Graph) -> Graph:
    """Number the tensors of a graph in the order in which its inputs and operators use them.

    Converters number the constants of equal networks differently. Unused tensors come last.
    """
    places = _places(graph)
    for tensor in graph.tensors:
        places.setdefault(tensor.index, len(places))
    return _renumber(graph, places)


def without_unused(graph: Graph) -> Graph:
    """Return a graph without the tensors that neither its ends nor its operators use."""
    return _renumber(graph, _places(graph))


def _places(graph: Graph) -> dict[int, int]:
    """Map the number of each used tensor to its place in the order of use."""
    used = [*graph.inputs, *_operands(graph.operators), *graph.outputs]
    return {old: new for new, old in enumerate(dict.fromkeys(used))}


def _renumber(graph: Graph, places: dict[int, int]) -> Graph:
    return Graph(
        tuple(replace(graph.tensors[old], index=new) for old, new in places.items()),
        tuple(_renumbered(operator, places) for operator in graph.operators),
        tuple(places[i] for i in graph.inputs),
        tuple(places[i] for i in graph.outputs),
    )


def _operands(operators: Iterable[Operator]) -> list[int]:
    return [i for op in operators for i in (*op.inputs, *op.outputs) if i >= 0]


def _renumbered(operator: Operator, places: dict[int, int]) -> Operator:
    return replace(
        operator,
        inputs=tuple(places.get(i, i) for i in operator.inputs),
        outputs=tuple(places[i] for i in operator.outputs),
    )


def _describe(tensor: Tensor) -> list[object]:
    # Scales as their bits: a decimal fraction might round two of them alike.
    scales, zero_points = tensor.scales.tobytes().hex(), tensor.zero_points.tolist()
    shape = [tensor.shape, tensor.dtype, tensor.size, tensor.variable]
    return [*shape, scales, zero_points, tensor.axis if len(zero_points) > 1 else 0]


def _to_json(value: object) -> object:
    """Convert bytes and NumPy numbers to types that JSON supports."""
    if isinstance(value, bytes):
        return value.hex()
    return value.item()  # type: ignore[attr-defined]
