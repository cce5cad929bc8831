"""Reading of the graph of a .tflite file, without TensorFlow and safe for untrusted files.

Every length is checked before memory or time is spent on it. The sum of all lengths is checked as
well, because many offsets in a file can refer to the same place. So reading a damaged or malicious
file fails quickly, with an error.
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
from snugnet.core.files import check_regular
from snugnet.core.tflite_graph import NUMPY_TYPES, Graph, Operator, Tensor

# Names of the members of enumerations in the TFLite schema (`schema.fbs`), by number.
TYPE_NAMES = {v: k.lower() for k, v in vars(schema.TensorType).items() if k.isupper()}
OPERATOR_NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if k.isupper()}
OPTION_NAMES = {v: k for k, v in vars(schema.BuiltinOptions).items() if not k.startswith("_")}
# Exceptions of flatbuffers and NumPy for a wrong offset, or when the end of the file is passed.
DAMAGE_ERRORS = (
    struct.error,
    ValueError,
    TypeError,
    IndexError,
    OverflowError,
    KeyError,
    AttributeError,
)


# Above those of any network for small devices; tables of more take minutes to print.
MAX_OPERATORS = 10_000
MAX_TENSORS = 50_000
OUTSIDE = "constants stored outside the flatbuffer are not supported"


@dataclass
class _Budget:
    """Number of values that may still be read from a file.

    In a valid file, each value takes at least one byte. So the budget starts with the file size.

    Attributes:
        left: Number of values.
    """

    left: int

    def take(self, count: int, description: str) -> int:
        """Subtract a number of values from the budget.

        Args:
            count: Number of values.
            description: Kind of values, for the message.

        Returns:
            `count`.

        Raises:
            ModelFormatError: If the number is negative or exceeds the budget.
        """
        self.left -= count
        if count < 0 or self.left < 0:
            raise ModelFormatError(f"damaged: {count} {description} do not fit the file size")
        return count


def read_graph(path: str | Path) -> Graph:
    """Read the main subgraph of a file.

    Args:
        path: The .tflite file.

    Returns:
        The graph.

    Raises:
        ModelFormatError: If the file is not a .tflite file with one subgraph, or is damaged.
        OSError: If the file cannot be read.
    """
    check_regular(Path(path))
    return parse_graph(Path(path).read_bytes(), path)


def parse_graph(data: bytes, path: str | Path, only_main: bool = False) -> Graph:
    """Parse the main subgraph of a file.

    Args:
        data: Content of the .tflite file.
        path: Path of the file, for messages.
        only_main: Whether other subgraphs are left out. Otherwise they are an error.

    Returns:
        The graph.

    Raises:
        ModelFormatError: If the file is not a .tflite file with one subgraph, or is damaged.
    """
    _check_identifier(data, path)
    try:
        return _read_graph(schema.Model.GetRootAs(data, 0), _Budget(len(data)), only_main)
    except ModelFormatError as error:
        raise ModelFormatError(f"{path}: {error}") from None
    except DAMAGE_ERRORS as error:
        raise ModelFormatError(f"{path}: damaged ({type(error).__name__}: {error})") from error


def _check_identifier(data: bytes, path: str | Path) -> None:
    if data[4:8] != b"TFL3":
        raise ModelFormatError(
            f"{path}: not a .tflite file (identifier {data[4:8]!r} instead of TFL3)"
        )


def count_subgraphs(file: bytes) -> int:
    """Count the subgraphs of a .tflite file; each loop adds some to the main subgraph.

    Args:
        file: Content of a trusted .tflite file, such as one that `convert` returned.

    Returns:
        The number of subgraphs.
    """
    return int(schema.Model.GetRootAs(file, 0).SubgraphsLength())


def count_inputs(file: bytes) -> int:
    """Count the inputs of the main subgraph of a trusted .tflite file; see `count_subgraphs`."""
    return int(schema.Model.GetRootAs(file, 0).Subgraphs(0).InputsLength())


def list_signature_inputs(file: bytes) -> list[str]:
    """List the names of the inputs of a trusted .tflite file, in its order, from its signature.

    Args:
        file: Content of a file that TensorFlow's converter made.
    """
    model = schema.Model.GetRootAs(file, 0)
    signature = model.SignatureDefs(0)
    names = {}
    for entry in (signature.Inputs(i) for i in range(signature.InputsLength())):
        names[entry.TensorIndex()] = entry.Name().decode()
    return [names[index] for index in model.Subgraphs(0).InputsAsNumpy().tolist()]


def list_custom_codes(file: bytes, name: str) -> list[str]:
    """List the names of the custom operators that a .tflite file declares.

    Args:
        file: Content of the file.
        name: Name of the file, for messages.

    Raises:
        ModelFormatError: If the file is damaged.
    """
    _check_identifier(file, name)
    try:
        model = schema.Model.GetRootAs(file, 0)
        budget = _Budget(len(file))
        codes = list(
            _iterate_tables(
                model.OperatorCodesLength(), budget, model.OperatorCodes, "operator codes"
            )
        )
        texts = [code.CustomCode() or b"" for code in codes]
        budget.take(sum(map(len, texts)), "characters in names")
    except ModelFormatError as error:
        raise ModelFormatError(f"{name}: {error}") from None
    except DAMAGE_ERRORS as error:
        raise ModelFormatError(f"{name}: damaged ({type(error).__name__}: {error})") from error
    return [text.decode(errors="replace") for text in texts if text]


def _read_graph(model: Any, budget: _Budget, only_main: bool) -> Graph:
    if not model.SubgraphsLength() or (model.SubgraphsLength() > 1 and not only_main):
        raise ModelFormatError(
            f"{model.SubgraphsLength()} subgraphs; only one is supported. More come from loops "
            "over time or branches; `snugnet inspect` shows the main one."
        )
    if model.ExternalBufferGroupsLength() or model.ExternalBuffersLength():
        raise ModelFormatError(OUTSIDE)
    subgraph = model.Subgraphs(0)
    buffers = list(_iterate_tables(model.BuffersLength(), budget, model.Buffers, "buffers"))
    codes = list(
        _iterate_tables(model.OperatorCodesLength(), budget, model.OperatorCodes, "operator codes")
    )
    for count, limit, name in (
        (subgraph.OperatorsLength(), MAX_OPERATORS, "operators"),
        (subgraph.TensorsLength(), MAX_TENSORS, "tensors"),
    ):
        if count > limit:
            raise ModelFormatError(f"{count:,} {name} are too many; the maximum is {limit:,}")
    tensors = _iterate_tables(subgraph.TensorsLength(), budget, subgraph.Tensors, "tensors")
    operators = _iterate_tables(subgraph.OperatorsLength(), budget, subgraph.Operators, "operators")
    graph = Graph(
        tuple(_read_tensor(i, tensor, buffers, budget) for i, tensor in enumerate(tensors)),
        tuple(_read_operator(i, operator, codes, budget) for i, operator in enumerate(operators)),
        _read_numbers(subgraph, "Inputs", budget),
        _read_numbers(subgraph, "Outputs", budget),
    )
    graph.check()
    return graph


def _iterate_tables(
    length: int, budget: _Budget, get_table: Callable[[int], Any], description: str
) -> Iterator[Any]:
    """Yield the tables of a vector.

    Args:
        length: Length of the vector.
        budget: Budget, from which the length is subtracted.
        get_table: Function that returns a table by its index.
        description: Kind of tables, for the message.
    """
    return (get_table(i) for i in range(budget.take(length, description)))


def _read_numbers(table: Any, name: str, budget: _Budget) -> tuple[int, ...]:
    """Read the field `name` of a table, a vector of integers."""
    length = budget.take(getattr(table, f"{name}Length")(), f"numbers in {name}")
    return tuple(getattr(table, f"{name}AsNumpy")().tolist()) if length else ()


def _read_tensor(index: int, tensor: Any, buffers: list[Any], budget: _Budget) -> Tensor:
    shape = _read_numbers(tensor, "Shape", budget)
    if tensor.Type() not in TYPE_NAMES:
        raise ModelFormatError(f"tensor {index} has unknown type {tensor.Type()}")
    if tensor.Sparsity() is not None:
        raise ModelFormatError(f"tensor {index} is sparse; only dense tensors are supported")
    dtype = TYPE_NAMES[tensor.Type()]
    name = tensor.Name() or b""
    budget.take(len(name), "characters in names")
    data = _read_data(buffers[tensor.Buffer()])
    scales, zero_points, axis = _read_quantization(index, tensor.Quantization(), budget)
    return Tensor(
        index=index,
        name=name.decode(errors="replace"),
        shape=shape,
        dtype=dtype,
        size=len(data),
        values=_read_values(index, data, dtype, shape),
        scales=scales,
        zero_points=zero_points,
        axis=axis,
        variable=bool(tensor.IsVariable()),
    )


def _read_data(buffer: Any) -> np.ndarray:
    """Return the bytes of a constant as they are stored, uint8; empty if there is no constant."""
    if buffer.Offset() > 1:
        raise ModelFormatError(OUTSIDE)
    return np.asarray(buffer.DataAsNumpy()) if buffer.DataLength() else np.zeros(0, np.uint8)


def _read_values(
    index: int, data: np.ndarray, dtype: str, shape: tuple[int, ...]
) -> np.ndarray | None:
    """Return the values of a constant; None if there are none, or NumPy does not have the type."""
    if not len(data) or dtype not in NUMPY_TYPES:
        return None
    kind = np.dtype(dtype).newbyteorder("<")
    if len(data) != math.prod(shape) * kind.itemsize:
        raise ModelFormatError(
            f"tensor {index} has {len(data)} bytes; {dtype} of shape {list(shape)} requires "
            f"{math.prod(shape) * kind.itemsize}"
        )
    return np.frombuffer(data, kind).reshape(shape)


def _read_quantization(
    index: int, quantization: Any, budget: _Budget
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return scales (float32), zero points (int64) and the dimension of the channels."""
    if quantization is None or not quantization.ScaleLength():
        return np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    count = budget.take(quantization.ScaleLength(), f"scales of tensor {index}")
    # A file may omit the zero points if all of them are 0.
    zero_points = np.zeros(count, np.int64)
    zero_point_count = budget.take(quantization.ZeroPointLength(), f"zero points of tensor {index}")
    if zero_point_count:
        zero_points = np.array(quantization.ZeroPointAsNumpy(), np.int64)
    if len(zero_points) != count:
        raise ModelFormatError(
            f"tensor {index} has {count} scales and {zero_point_count} zero points"
        )
    scales = np.array(quantization.ScaleAsNumpy(), np.float32)
    return scales, zero_points, quantization.QuantizedDimension()


def _read_operator(index: int, operator: Any, codes: list[Any], budget: _Budget) -> Operator:
    code = codes[operator.OpcodeIndex()]
    # Old files have the code in a field of one byte.
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if builtin not in OPERATOR_NAMES:
        raise ModelFormatError(f"operator {index} has unknown code {builtin}")
    return Operator(
        OPERATOR_NAMES[builtin],
        _read_numbers(operator, "Inputs", budget),
        _read_numbers(operator, "Outputs", budget),
        _read_options(operator, budget),
    )


def _read_options(operator: Any, budget: _Budget) -> dict[str, Any]:
    """Read all options of an operator that are numbers or lists of numbers, by name."""
    kind, table = OPTION_NAMES.get(operator.BuiltinOptionsType()), operator.BuiltinOptions()
    if kind in (None, "NONE") or table is None:
        return {}
    options = getattr(schema, kind)()
    options.Init(table.Bytes, table.Pos)
    return {
        name: _read_numbers(options, accessor, budget) if is_list else getattr(options, accessor)()
        for accessor, name, is_list in _list_fields(kind)
    }


@cache
def _list_fields(kind: str) -> list[tuple[str, str, bool]]:
    """List the fields of a table: name of the accessor, name in the schema, and if it is a list."""
    defaults = vars(getattr(schema, f"{kind}T")())
    attributes = vars(getattr(schema, kind))
    fields = []
    for name, default in defaults.items():
        accessor = f"{name[0].upper()}{name[1:]}"
        is_list = f"{accessor}AsNumpy" in attributes
        # Tables within the table are skipped: no operator that Snugnet computes has them.
        if default is not None or is_list:
            fields.append((accessor, name, is_list))
    return fields
