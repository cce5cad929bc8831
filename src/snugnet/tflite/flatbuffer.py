"""What a .tflite file really holds, read without TensorFlow; names are never trusted."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from snugnet.errors import InputError
from snugnet.tflite.schemes import Scheme

# Names of the enumerations of the TFLite schema, as in its own `schema.fbs`.
TYPE_NAMES = {v: k.lower() for k, v in vars(schema.TensorType).items() if k.isupper()}
OPERATOR_NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if k.isupper()}

# Operators whose second input is a weight tensor.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# Operators that an open batch dimension would bring in.
SHAPE_CHAIN = ("SHAPE", "PACK", "STRIDED_SLICE")
BOUNDARY = ("QUANTIZE", "DEQUANTIZE")
# Types of constants that are read as they are stored.
NUMPY_TYPES = ("float32", "float16", "int64", "int32", "int16", "int8", "uint8")


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file.

    Attributes:
        index: Its index in the subgraph.
        name: As the converter called it.
        shape: Its shape.
        dtype: `float32`, `int8`, ...
        size: Bytes of its constant data; 0 for activations.
        values: The constant data; None for activations and for types that NumPy does not have.
        scales: Number of quantization scales: 0 none, 1 per tensor, more per channel.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    scales: int
    values: np.ndarray | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Operator:
    """An operator of the file, with the indices of its tensors (-1 for an absent optional one)."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The main subgraph of a .tflite file."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def weights(self) -> list[tuple[Operator, Tensor]]:
        """List the weighted operators with their weight tensors.

        A float16 file keeps its weights behind a DEQUANTIZE: the tensor that is stored is given.
        """
        source = {op.outputs[0]: op.inputs[0] for op in self.operators if op.name == "DEQUANTIZE"}
        found = []
        for operator in self.operators:
            if operator.name in WEIGHTED:
                index = operator.inputs[1]
                found.append((operator, self.tensors[source.get(index, index)]))
        return found


def read_graph(path: str | Path) -> Graph:
    """Read the main subgraph.

    Raises:
        InputError: If the file is not a .tflite file with one subgraph.
    """
    data = Path(path).read_bytes()
    if data[4:8] != b"TFL3":
        raise InputError(f"{path}: not a .tflite file (identifier {data[4:8]!r}, TFL3 is needed)")
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    if len(model.subgraphs) != 1:
        raise InputError(f"{path}: {len(model.subgraphs)} subgraphs; one is supported")
    subgraph = model.subgraphs[0]
    return Graph(
        tuple(_tensor(i, tensor, model.buffers) for i, tensor in enumerate(subgraph.tensors)),
        tuple(_operator(operator, model.operatorCodes) for operator in subgraph.operators),
        tuple(int(i) for i in subgraph.inputs),
        tuple(int(i) for i in subgraph.outputs),
    )


def _tensor(index: int, tensor: Any, buffers: Any) -> Tensor:
    data = buffers[tensor.buffer].data
    scale = None if tensor.quantization is None else tensor.quantization.scale
    shape = () if tensor.shape is None else tuple(int(n) for n in tensor.shape)
    dtype = TYPE_NAMES[tensor.type]
    return Tensor(
        index=index,
        name=tensor.name.decode(),
        shape=shape,
        dtype=dtype,
        size=0 if data is None else len(data),
        scales=0 if scale is None else len(np.atleast_1d(scale)),
        values=_values(data, dtype, shape),
    )


def _values(data: Any, dtype: str, shape: tuple[int, ...]) -> np.ndarray | None:
    if data is None or len(data) == 0 or dtype not in NUMPY_TYPES:
        return None
    return np.frombuffer(bytes(data), np.dtype(dtype).newbyteorder("<")).reshape(shape)


def _operator(operator: Any, codes: Any) -> Operator:
    code = codes[operator.opcodeIndex]
    # Old files keep the code in a byte of its own.
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    return Operator(
        OPERATOR_NAMES[builtin],
        tuple(int(i) for i in operator.inputs),
        tuple(int(i) for i in operator.outputs),
    )


def check_contract(graph: Graph, scheme: Scheme) -> dict[str, Any]:
    """Compare a file with what its scheme promises.

    Returns:
        Ready for JSON: `verdict` (`pass` or `fail`), `findings` (what broke the promise),
        `operators`, `input`, `output` (types), `int8_weights` and `float_weights` (names).
    """
    findings = _check_ends(graph, scheme) + _check_operators(graph) + _check_weights(graph, scheme)
    if scheme.full_integer:
        findings += _check_integer(graph, scheme)
    weights = [tensor for _, tensor in graph.weights()]
    return {
        "verdict": "fail" if findings else "pass",
        "findings": findings,
        "operators": [operator.name for operator in graph.operators],
        "input": graph.tensors[graph.inputs[0]].dtype,
        "output": graph.tensors[graph.outputs[0]].dtype,
        "int8_weights": [tensor.name for tensor in weights if tensor.dtype == "int8"],
        "float_weights": [tensor.name for tensor in weights if tensor.dtype.startswith("float")],
    }


def _check_ends(graph: Graph, scheme: Scheme) -> list[str]:
    findings = []
    for end, indices in (("input", graph.inputs), ("output", graph.outputs)):
        if len(indices) != 1:
            findings.append(f"{len(indices)} {end}s instead of 1")
            continue
        tensor = graph.tensors[indices[0]]
        if tensor.dtype != scheme.input_output:
            findings.append(f"{end} is {tensor.dtype} instead of {scheme.input_output}")
        if end == "input" and (not tensor.shape or tensor.shape[0] != 1):
            findings.append(f"input has shape {tensor.shape} instead of a batch of 1")
    return findings


def _check_operators(graph: Graph) -> list[str]:
    return [
        f"operator {i} is {operator.name}: the batch was left open"
        for i, operator in enumerate(graph.operators)
        if operator.name in SHAPE_CHAIN
    ]


def _check_weights(graph: Graph, scheme: Scheme) -> list[str]:
    findings = []
    allowed = scheme.weights.split(" or ")
    for operator, tensor in graph.weights():
        if tensor.dtype not in allowed:
            findings.append(
                f"weights {tensor.name} of {operator.name} are {tensor.dtype} instead of "
                f"{scheme.weights}"
            )
        convolution = operator.name != "FULLY_CONNECTED"
        if scheme.full_integer and convolution and tensor.scales < _channels(operator, tensor):
            findings.append(
                f"weights {tensor.name} of {operator.name} have {tensor.scales} scale(s) for "
                f"{_channels(operator, tensor)} channels"
            )
    return findings


def _channels(operator: Operator, weights: Tensor) -> int:
    """Output channels: the last dimension of depthwise weights, the first of all others."""
    return weights.shape[-1 if operator.name == "DEPTHWISE_CONV_2D" else 0]


def _check_integer(graph: Graph, scheme: Scheme) -> list[str]:
    """Full integer: integer biases, and floats at boundary QUANTIZE and DEQUANTIZE only."""
    findings = []
    bias_type = "int64" if scheme.activations == "int16" else "int32"
    for operator, _ in graph.weights():
        bias = operator.inputs[2] if len(operator.inputs) > 2 else -1
        if bias >= 0 and graph.tensors[bias].dtype != bias_type:
            findings.append(
                f"bias {graph.tensors[bias].name} of {operator.name} is "
                f"{graph.tensors[bias].dtype} instead of {bias_type}"
            )
    ends = {*graph.inputs, *graph.outputs}
    for i, operator in enumerate(graph.operators):
        for index in {*operator.inputs, *operator.outputs} - {-1}:
            tensor = graph.tensors[index]
            boundary = operator.name in BOUNDARY and index in ends
            if tensor.dtype.startswith("float") and not boundary:
                findings.append(f"operator {i} {operator.name} has float tensor {tensor.name}")
        for index in set(operator.outputs) - ends:
            tensor = graph.tensors[index]
            if tensor.dtype != scheme.activations:
                findings.append(
                    f"operator {i} {operator.name} computes {tensor.name} in {tensor.dtype} "
                    f"instead of {scheme.activations}"
                )
    return findings
