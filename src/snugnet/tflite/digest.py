"""Semantic digest of a .tflite file: equal for files that mean the same to every runtime."""

import hashlib
import json

from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_graph import Graph, Tensor


def compute_semantic_digest(graph: Graph) -> str:
    """Compute a digest of the graph, the weights and the quantization of a file.

    The names of tensors, the order of tables in the file, and metadata such as the version of the
    converter do not change the digest.

    Args:
        graph: Graph of the file.

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
    digest = hashlib.sha256()
    operators = [[op.name, op.inputs, op.outputs, dict(op.options)] for op in graph.operators]
    description = [operators, graph.inputs, graph.outputs, *map(_describe_tensor, graph.tensors)]
    # Keys are sorted, so that the order of options does not matter. The sizes of tensors are part
    # of the description, so that the bytes of the constants below can be divided in one way only.
    digest.update(json.dumps(description, sort_keys=True, default=_to_json).encode())
    for tensor in graph.tensors:
        if tensor.values is not None:
            digest.update(tensor.values.tobytes())
    return digest.hexdigest()


def _describe_tensor(tensor: Tensor) -> list[object]:
    # Scales are described by their bits: two of them could be rounded to the same decimal fraction.
    scales, zero_points = tensor.scales.tobytes().hex(), tensor.zero_points.tolist()
    shape = [tensor.shape, tensor.dtype, tensor.size, tensor.variable]
    return [*shape, scales, zero_points, tensor.axis if len(zero_points) > 1 else 0]


def _to_json(value: object) -> object:
    """Convert bytes and NumPy numbers to types that JSON supports."""
    if isinstance(value, bytes):
        return value.hex()
    return value.item()  # type: ignore[attr-defined]
