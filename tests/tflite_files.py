"""Small .tflite files written for tests: one operator, or a few."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

# The versions under which the runtimes know every form of an operator that is tested here.
VERSIONS = {
    "CONV_2D": 8,
    "DEPTHWISE_CONV_2D": 6,
    "TRANSPOSE_CONV": 5,
    "FULLY_CONNECTED": 11,
    "BATCH_MATMUL": 3,
    "ADD": 4,
    "SUB": 5,
    "MUL": 5,
    "MAXIMUM": 4,
    "MINIMUM": 4,
    "AVERAGE_POOL_2D": 3,
    "MAX_POOL_2D": 3,
    "MEAN": 3,
    "SUM": 2,
    "REDUCE_MAX": 3,
    "PAD": 4,
    "PADV2": 4,
    "TRANSPOSE": 4,
    "CONCATENATION": 3,
    "SPLIT": 4,
    "STRIDED_SLICE": 4,
    "SLICE": 4,
    "PACK": 3,
    "UNPACK": 3,
    "SOFTMAX": 3,
    "LOGISTIC": 3,
    "TANH": 3,
    "RELU": 3,
    "RELU6": 3,
    "LEAKY_RELU": 2,
    "QUANTIZE": 3,
    "DEQUANTIZE": 4,
}


@dataclass(frozen=True)
class Tensor:
    """A tensor to be written; `values` make it a constant."""

    shape: Sequence[int]
    dtype: str
    scale: float | Sequence[float] | None = None
    zero_point: int = 0
    values: np.ndarray | None = None
    quantized_dimension: int = 0


def constant(values: Any, dtype: str = "int32", **quantization: Any) -> Tensor:
    """Make a constant tensor of an array."""
    values = np.asarray(values, dtype)
    return Tensor(values.shape, dtype, values=values, **quantization)


@dataclass(frozen=True)
class Node:
    """An operator; options are those of the schema by name, tensors are given by index."""

    operator: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Mapping[str, Any] | None = None


def write(
    tensors: Sequence[Tensor], nodes: Sequence[Node], inputs: Sequence[int], outputs: Sequence[int]
) -> bytes:
    """Write a model with one subgraph."""
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    model.operatorCodes = []
    graph = schema.SubGraphT()
    graph.tensors = [_tensor(i, tensor, model) for i, tensor in enumerate(tensors)]
    graph.operators = [_operator(node, model) for node in nodes]
    graph.inputs, graph.outputs = list(inputs), list(outputs)
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def single(
    operator: str,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    options: Mapping[str, Any] | None = None,
) -> bytes:
    """Write a model of one operator; what is no constant is an input of the model."""
    tensors = [tensor for tensor in inputs if tensor is not None]
    places = iter(range(len(tensors)))
    input_indexes = [-1 if tensor is None else next(places) for tensor in inputs]
    output_indexes = list(range(len(tensors), len(tensors) + len(outputs)))
    free = [i for i, tensor in enumerate(tensors) if tensor.values is None]
    return write(
        [*tensors, *outputs],
        [Node(operator, input_indexes, output_indexes, options)],
        free,
        output_indexes,
    )


def _tensor(index: int, tensor: Tensor, model: Any) -> Any:
    result = schema.TensorT()
    result.name = f"t{index}".encode()
    result.shape = [int(n) for n in tensor.shape]
    result.type = getattr(schema.TensorType, tensor.dtype.upper())
    result.buffer = 0
    if tensor.values is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(tensor.values).tobytes(), np.uint8)
        result.buffer = len(model.buffers)
        model.buffers.append(buffer)
    if tensor.scale is not None:
        quantization = schema.QuantizationParametersT()
        quantization.scale = np.atleast_1d(np.float32(tensor.scale))
        quantization.zeroPoint = np.full(quantization.scale.shape, tensor.zero_point, np.int64)
        quantization.quantizedDimension = tensor.quantized_dimension
        result.quantization = quantization
    return result


def _operator(node: Node, model: Any) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, node.operator)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = VERSIONS.get(node.operator, 1)
    model.operatorCodes.append(code)
    result = schema.OperatorT()
    result.opcodeIndex = len(model.operatorCodes) - 1
    result.inputs, result.outputs = list(node.inputs), list(node.outputs)
    if node.options is not None:
        options = dict(node.options)
        kind = options.pop("kind")
        result.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        result.builtinOptions = getattr(schema, f"{kind}T")()
        for name, value in options.items():
            if not hasattr(result.builtinOptions, name):
                raise AttributeError(f"{kind} has no {name}")
            setattr(result.builtinOptions, name, value)
    return result
