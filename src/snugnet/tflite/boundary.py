"""The boundary of an int8 network: operators between its integers and other types at both ends.

Files of the schemes `fiq_float32`, `fiq_int8` and `fiq_uint8` hold one int8 network. They differ in
a QUANTIZE or DEQUANTIZE at each end, or have none there.
"""

from dataclasses import replace
from typing import NamedTuple

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from snugnet.core.tflite_graph import Graph
from snugnet.tflite.digest import semantic_digest, without_unused
from snugnet.tflite.layers import BOUNDARY


class Boundary(NamedTuple):
    """Places of the boundary operators in a graph.

    Attributes:
        head: Index of the operator that makes the int8 input of the network; None if the file's
            own input is that.
        tail: Index of the operator that takes the int8 output of the network; None likewise.
    """

    head: int | None
    tail: int | None


def boundary_of(graph: Graph) -> Boundary:
    """Find the boundary operators of a file with one input and one output."""
    head = tail = None
    for index, operator in enumerate(graph.operators):
        if operator.name not in BOUNDARY:
            continue
        source, target = operator.inputs[0], operator.outputs[0]
        if source == graph.inputs[0] and graph.tensors[source].dtype != "int8":
            head = index
        elif target == graph.outputs[0] and graph.tensors[target].dtype != "int8":
            tail = index
    return Boundary(head, tail)


def network_digest(graph: Graph) -> str:
    """Digest the int8 network of a file: equal for files that differ in their boundary alone.

    Returns:
        A SHA-256 sum, in hexadecimal digits, of the semantic digest of the graph without its
        boundary operators.

    Raises:
        ModelFormatError: As `semantic_digest`.
    """
    boundary = boundary_of(graph)
    operators = [op for index, op in enumerate(graph.operators) if index not in boundary]
    inputs = graph.inputs if boundary.head is None else graph.operators[boundary.head].outputs
    outputs = graph.outputs if boundary.tail is None else graph.operators[boundary.tail].inputs
    network = replace(graph, operators=tuple(operators), inputs=inputs, outputs=outputs)
    return semantic_digest(without_unused(network))


def single_operator(file: bytes, index: int) -> bytes:
    """Write a file that holds one operator of another one, with that operator's input and output.

    Args:
        file: A .tflite file.
        index: Of a QUANTIZE or DEQUANTIZE whose input is no constant.
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
    model.buffers = model.buffers[:1]  # by convention the first one is empty
    model.metadata, model.signatureDefs = None, None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
