"""The graph of a .tflite file, read without TensorFlow, and without trust in the file.

Every length is checked before memory or time is spent on it, one by one and altogether, since many
offsets may lead to the same place: so that a damaged or hostile file ends in an error, soon.
"""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_graph import Graph, Operator, Tensor

# Names of the enumerations of the TFLite schema, as in its own `schema.fbs`.
TYPE_NAMES = {v: k.lower() for k, v in vars(schema.TensorType).items() if k.isupper()}
OPERATOR_NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if k.isupper()}
OPTION_NAMES = {v: k for k, v in vars(schema.BuiltinOptions).items() if not k.startswith("_")}
# Types of constants that are read as they are stored.
NUMPY_TYPES = ("float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
# What reading past the end, or a wrong offset, makes flatbuffers and NumPy raise.
DAMAGE = (struct.error, ValueError, TypeError, IndexError, OverflowError, KeyError, AttributeError)


@dataclass
class _Budget:
    """How many numbers may still be read: those of an honest file take a byte each at least."""

    left: int

    def take(self, count: int, what: str) -> int:
        """Account for numbers, or refuse them."""
        self.left -= count
        if count < 0 or self.left < 0:
            raise ModelFormatError(f"damaged: {count} {what} do not fit the file size")
        return count


def read_graph(path: str | Path) -> Graph:
    """Read the main subgraph.

    Raises:
        ModelFormatError: If the file is no .tflite file with one subgraph, or is damaged.
    """
    return parse_graph(Path(path).read_bytes(), path)


def parse_graph(data: bytes, path: str | Path) -> Graph:
    """Parse the main subgraph of the bytes of a file; `path` and errors as for `read_graph`."""
    if data[4:8] != b"TFL3":
        raise ModelFormatError(
            f"{path}: not a .tflite file (identifier {data[4:8]!r} instead of TFL3)"
        )
    try:
        return _graph(schema.Model.GetRootAs(data, 0), _Budget(len(data)))
    except ModelFormatError as error:
        raise ModelFormatError(f"{path}: {error}") from None
    except DAMAGE as error:
        raise ModelFormatError(f"{path}: damaged ({type(error).__name__}: {error})") from error


def subgraphs(file: bytes) -> int:
    """Count the subgraphs of a .tflite file of our own making; loops have some of theirs."""
    return int(schema.Model.GetRootAs(file, 0).SubgraphsLength())


def _graph(model: Any, budget: _Budget) -> Graph:
    if model.SubgraphsLength() != 1:
        raise ModelFormatError(f"{model.SubgraphsLength()} subgraphs; only one is supported")
    subgraph = model.Subgraphs(0)
    buffers = list(_items(model.BuffersLength(), budget, model.Buffers, "buffers"))
    codes = list(_items(model.OperatorCodesLength(), budget, model.OperatorCodes, "operator codes"))
    tensors = _items(subgraph.TensorsLength(), budget, subgraph.Tensors, "tensors")
    operators = _items(subgraph.OperatorsLength(), budget, subgraph.Operators, "operators")
    graph = Graph(
        tuple(_tensor(i, tensor, buffers, budget) for i, tensor in enumerate(tensors)),
        tuple(_operator(i, operator, codes, budget) for i, operator in enumerate(operators)),
        _numbers(subgraph, "Inputs", budget),
        _numbers(subgraph, "Outputs", budget),
    )
    graph.check()
    return graph


def _items(length: int, budget: _Budget, item: Callable[[int], Any], what: str) -> Iterator[Any]:
    """Yield the tables of a vector."""
    return (item(i) for i in range(budget.take(length, what)))


def _numbers(table: Any, name: str, budget: _Budget) -> tuple[int, ...]:
    """Read a vector of integers."""
    length = budget.take(getattr(table, f"{name}Length")(), f"numbers in {name}")
    return tuple(getattr(table, f"{name}AsNumpy")().tolist()) if length else ()


def _tensor(index: int, tensor: Any, buffers: list[Any], budget: _Budget) -> Tensor:
    shape = _numbers(tensor, "Shape", budget)
    if tensor.Type() not in TYPE_NAMES:
        raise ModelFormatError(f"tensor {index} has unknown type {tensor.Type()}")
    if tensor.Sparsity() is not None:
        raise ModelFormatError(f"tensor {index} is sparse; only dense tensors are supported")
    dtype = TYPE_NAMES[tensor.Type()]
    data = _data(buffers[tensor.Buffer()])
    scales, zero_points, axis = _quantization(index, tensor.Quantization(), budget)
    return Tensor(
        index=index,
        name=(tensor.Name() or b"").decode(errors="replace"),
        shape=shape,
        dtype=dtype,
        size=len(data),
        values=_values(index, data, dtype, shape),
        scales=scales,
        zero_points=zero_points,
        axis=axis,
        variable=bool(tensor.IsVariable()),
    )


def _data(buffer: Any) -> np.ndarray:
    """Give the bytes of a constant, as they lie in the file."""
    if buffer.Offset() > 1:
        raise ModelFormatError("constants stored outside the flatbuffer are not supported")
    return np.asarray(buffer.DataAsNumpy()) if buffer.DataLength() else np.zeros(0, np.uint8)


def _values(index: int, data: np.ndarray, dtype: str, shape: tuple[int, ...]) -> np.ndarray | None:
    if not len(data) or dtype not in NUMPY_TYPES:
        return None
    kind = np.dtype(dtype).newbyteorder("<")
    if len(data) != math.prod(shape) * kind.itemsize:
        raise ModelFormatError(
            f"tensor {index} has {len(data)} bytes; {dtype} of shape {list(shape)} requires "
            f"{math.prod(shape) * kind.itemsize}"
        )
    return np.frombuffer(data, kind).reshape(shape)


def _quantization(
    index: int, quantization: Any, budget: _Budget
) -> tuple[np.ndarray, np.ndarray, int]:
    if quantization is None or not quantization.ScaleLength():
        return np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    count = budget.take(quantization.ScaleLength(), f"scales of tensor {index}")
    zeros = np.zeros(count, np.int64)
    if given := budget.take(quantization.ZeroPointLength(), f"zero points of tensor {index}"):
        zeros = np.array(quantization.ZeroPointAsNumpy(), np.int64)
    if len(zeros) != count:
        raise ModelFormatError(f"tensor {index} has {count} scales and {given} zero points")
    scales = np.array(quantization.ScaleAsNumpy(), np.float32)
    return scales, zeros, quantization.QuantizedDimension()


def _operator(index: int, operator: Any, codes: list[Any], budget: _Budget) -> Operator:
    code = codes[operator.OpcodeIndex()]
    # Old files keep the code in a byte of its own.
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if builtin not in OPERATOR_NAMES:
        raise ModelFormatError(f"operator {index} has unknown code {builtin}")
    return Operator(
        OPERATOR_NAMES[builtin],
        _numbers(operator, "Inputs", budget),
        _numbers(operator, "Outputs", budget),
        _options(operator, budget),
    )


def _options(operator: Any, budget: _Budget) -> dict[str, Any]:
    """Read all fields of an operator's options that are numbers, or lists of them."""
    kind, table = OPTION_NAMES.get(operator.BuiltinOptionsType()), operator.BuiltinOptions()
    if kind in (None, "NONE") or table is None:
        return {}
    made = getattr(schema, kind)()
    made.Init(table.Bytes, table.Pos)
    return {
        own: _numbers(made, field, budget) if listed else getattr(made, field)()
        for field, own, listed in _fields(kind)
    }


@cache
def _fields(kind: str) -> list[tuple[str, str, bool]]:
    """List the fields of a table: the accessor's name, the schema's, and whether it is a list."""
    own = vars(getattr(schema, f"{kind}T")())
    fields = [(f"{name[0].upper()}{name[1:]}", name) for name in own]
    accessors = vars(getattr(schema, kind))
    return [
        (field, name, f"{field}AsNumpy" in accessors)
        for field, name in fields
        # A table within the table belongs to no operator that is computed here.
        if own[name] is not None or f"{field}AsNumpy" in accessors
    ]
