"""What a .tflite file says, as one number: the same for files that any runtime reads alike."""

import hashlib
import json

from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_graph import Graph, Tensor


def semantic_digest(graph: Graph) -> str:
    """Digest the graph, the weights and the quantization of a file, whatever its bytes.

    Names of tensors, the order in which a file keeps its tables, and metadata such as the
    converter's version do not count.

    Returns:
        A SHA-256 sum, in hexadecimal digits.

    Raises:
        ModelFormatError: If there is more to the file than the graph holds: constants of types
            that NumPy does not have, or custom operators.
    """
    unread = [tensor.name for tensor in graph.tensors if tensor.size and tensor.values is None]
    custom = [op.name for op in graph.operators if op.name == "CUSTOM"]
    if unread or custom:
        raise ModelFormatError(f"cannot compute a digest of {(unread + custom)[0]!r}")
    digest = hashlib.sha256()
    operators = [[op.name, op.inputs, op.outputs, dict(op.options)] for op in graph.operators]
    described = [operators, graph.inputs, graph.outputs, *map(_describe, graph.tensors)]
    # Sorted, so that the order of options does not count; with lengths, so that nothing runs into
    # what comes after it.
    digest.update(json.dumps(described, sort_keys=True, default=_plain).encode())
    for tensor in graph.tensors:
        if tensor.values is not None:
            digest.update(tensor.values.tobytes())
    return digest.hexdigest()


def _describe(tensor: Tensor) -> list[object]:
    # Scales as their bits: a decimal fraction might round two of them alike.
    scales, zero_points = tensor.scales.tobytes().hex(), tensor.zero_points.tolist()
    shape = [tensor.shape, tensor.dtype, tensor.size, tensor.variable]
    return [*shape, scales, zero_points, tensor.axis if len(zero_points) > 1 else 0]


def _plain(value: object) -> object:
    """Give what JSON does not know as what it does: NumPy's numbers, and bytes."""
    if isinstance(value, bytes):
        return value.hex()
    return value.item()  # type: ignore[attr-defined]
