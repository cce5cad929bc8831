"""Boundary operators: QUANTIZE or DEQUANTIZE at the input and the output of an int8 network.

Files of the schemes `fiq_float32`, `fiq_int8` and `fiq_uint8` contain the same int8 network. They
differ only in their boundary operators; a file of `fiq_int8` has none.
"""

from dataclasses import replace
from typing import NamedTuple

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from snugnet.core.tflite_graph import Graph
from snugnet.tflite.digest import compute_semantic_digest, without_unused
from snugnet.tflite.layers import BOUNDARY


class Boundary(NamedTuple):
    """Indices of the boundary operators in a graph.

    Attributes:
        heads: For each input, the index of the operator that computes the int8 input of the
            network; None if the input of the file is the input of the network.
        tail: Index of the operator that reads the int8 output of the network; None if the output of
            the network is the output of the file.
    """

    heads: tuple[int | None, ...]
    tail: int | None


def find_boundary(graph: Graph) -> Boundary:
    """Find the boundary operators of a file.

    Args:
        graph: Graph of a file with one output.

    Returns:
        The indices of the operators.
    """
    heads: dict[int, int] = {}
    tail = None
    for index, operator in enumerate(graph.operators):
        if operator.name not in BOUNDARY:
            continue
        source, target = operator.inputs[0], operator.outputs[0]
        if source in graph.inputs and graph.tensors[source].dtype != "int8":
            heads[source] = index
        elif target == graph.outputs[0] and graph.tensors[target].dtype != "int8":
            tail = index
    return Boundary(tuple(heads.get(index) for index in graph.inputs), tail)


def compute_network_digest(graph: Graph) -> str:
    """Compute a digest of the int8 network of a file, without its boundary operators.

    Files that differ only in their boundary operators have the same digest.

    Args:
        graph: Graph of a file with one output.

    Returns:
        A SHA-256 sum, in hexadecimal digits, of the semantic digest of the graph without its
        boundary operators.

    Raises:
        ModelFormatError: See `compute_semantic_digest`.
    """
    boundary = find_boundary(graph)
    left_out = {*boundary.heads, boundary.tail}
    operators = [op for index, op in enumerate(graph.operators) if index not in left_out]
    inputs = tuple(
        source if head is None else graph.operators[head].outputs[0]
        for source, head in zip(graph.inputs, boundary.heads, strict=True)
    )
    outputs = graph.outputs if boundary.tail is None else graph.operators[boundary.tail].inputs
    network = replace(graph, operators=tuple(operators), inputs=inputs, outputs=outputs)
    return compute_semantic_digest(without_unused(network))


def extract_operator(file: bytes, index: int) -> bytes:
    """Make a file that contains a single operator of another file.

    Args:
        file: Content of a .tflite file.
        index: Index of a QUANTIZE or DEQUANTIZE operator whose input is not a constant.

    Returns:
        Content of a .tflite file with the operator, its input and its output.
    """
    model = schema.ModelT.InitFromPackedBuf(file, 0)
    subgraph = model.subgraphs[0]
    operator = subgraph.operators[index]
    subgraph.tensors = [subgraph.tensors[i] for i in (operator.inputs[0], operator.outputs[0])]
    for tensor in subgraph.tensors:
        tensor.buffer = 0
    operator.inputs, operator.outputs = [0], [1]
    subgraph.operators = [operator]
    subgraph.inputs, subgraph.outputs = [0], [1]
    # The first buffer is empty by convention. Tensors without constant data refer to it.
    model.buffers = model.buffers[:1]
    model.metadata, model.signatureDefs = None, None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
