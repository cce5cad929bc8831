"""Model files that NumPy alone can read: .npz, and .json as text."""

import base64
import json
import math
import re
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core import archives
from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.errors import InputError, ModelFormatError
from snugnet.core.files import atomic_write, check_regular
from snugnet.core.tflite_graph import Graph, Operator, Tensor

FORMAT = "snugnet.int8"
VERSION = 1
MAX_DESCRIPTION_BYTES = 32 << 20
# Bytes of memory that Python needs at most for each byte of a .json file.
JSON_BYTES = 30
# Names of types in the schema of TFLite.
TYPE_NAME = re.compile("[a-z][a-z0-9]*")


def read(path: str | Path, budget: Budget = DEFAULT_BUDGET) -> Graph:
    """Read a graph from a .tflite, .npz or .json file.

    Args:
        path: Path of the file; the suffix selects the format.
        budget: Limits for the bytes of an .npz file after decompression, and for the memory that a
            .json file needs.

    Returns:
        The graph.

    Raises:
        ModelFormatError: If the file is damaged.
        InputError: If the format is unknown, or if a package for .tflite files is missing.
        OSError: If the file cannot be read.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], Graph]] = {
        ".tflite": _read_tflite,
        ".npz": partial(_read_npz, budget=budget),
        ".json": _read_json,
    }
    if path.suffix not in readers:
        raise InputError(
            f"{path}: unknown model format; the file name must end in {', '.join(readers)}"
        )
    check_regular(path)
    if path.suffix == ".json":
        what = f"{path}: reading it"
        budget.check_bytes_held(JSON_BYTES * path.stat().st_size, what)
    return readers[path.suffix](path)


def _read_tflite(path: Path) -> Graph:
    try:
        from snugnet.tflite.flatbuffer import read_graph
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path}: reading .tflite requires {error.name}; install snugnet[tflite], or export "
            "the model to .npz on a machine that has it"
        ) from None
    return read_graph(path)


def write(graph: Graph, path: str | Path) -> None:
    """Write a graph to a .npz or .json file.

    Args:
        graph: The graph.
        path: Path of the file; the suffix selects the format.

    Raises:
        InputError: If the format is unknown.
        OSError: If the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".npz", ".json"):
        raise InputError(f"{path}: the name of an exported model must end in .npz or .json")
    description = _describe(graph)
    values = {tensor.index: tensor.values for tensor in graph.tensors if tensor.values is not None}
    with atomic_write(path) as partial, partial.open("wb") as stream:
        if path.suffix == ".npz":
            header = np.frombuffer(json.dumps(description).encode(), np.uint8)
            arrays = {f"tensor_{index}": array for index, array in values.items()}
            np.savez_compressed(stream, graph=header, **arrays)
        else:
            encoded = {i: base64.b64encode(array.tobytes()).decode() for i, array in values.items()}
            stream.write(json.dumps({**description, "values": encoded}).encode())


def _describe(graph: Graph) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "tensors": [
            {
                "name": tensor.name,
                "shape": list(tensor.shape),
                "dtype": tensor.dtype,
                # The text of a float64 number is exact, and float64 holds every float32 number.
                "scales": [float(scale) for scale in tensor.scales],
                "zero_points": [int(point) for point in tensor.zero_points],
                "axis": tensor.axis,
                "variable": tensor.variable,
            }
            for tensor in graph.tensors
        ],
        "operators": [
            {
                "name": operator.name,
                "inputs": list(operator.inputs),
                "outputs": list(operator.outputs),
                "options": dict(operator.options),
            }
            for operator in graph.operators
        ],
    }


def _read_npz(path: Path, budget: Budget) -> Graph:
    try:
        with zipfile.ZipFile(path) as archive:
            archives.check_archive(archive, budget)
            _check_description(path, archive.getinfo("graph.npy").file_size)
        with np.load(path, allow_pickle=False) as file:
            description = json.loads(file["graph"].tobytes())
            values = {
                int(name.removeprefix("tensor_")): file[name]
                for name in file.files
                if name.startswith("tensor_")
            }
        return _make_graph(description, lambda index, *_: values.get(index))
    except InputError:
        raise
    except (*archives.DAMAGE_ERRORS, *_DAMAGE_ERRORS) as error:
        raise _damaged_error(path, error) from error


def _check_description(path: Path, size: int) -> None:
    """Check the length of a description: its parts need much more memory than its text."""
    if size > MAX_DESCRIPTION_BYTES:
        raise InputError(
            f"{path}: the description of the model has {size:,} bytes; the maximum is "
            f"{MAX_DESCRIPTION_BYTES:,}"
        )


def _read_json(path: Path) -> Graph:
    try:
        description = json.loads(path.read_text())
        values = description["values"]

        def decode(index: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray | None:
            if str(index) not in values:
                return None
            data = base64.b64decode(values[str(index)], validate=True)
            return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).reshape(shape)

        return _make_graph(description, decode)
    except _DAMAGE_ERRORS as error:
        raise _damaged_error(path, error) from error


# Exceptions that a damaged file causes. RuntimeError: the JSON text is nested too deeply.
_DAMAGE_ERRORS = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    RuntimeError,
    MemoryError,
)


def _damaged_error(path: Path, error: Exception) -> ModelFormatError:
    return ModelFormatError(
        f"{path}: damaged, or not an exported model ({type(error).__name__}: {error})"
    )


def _make_graph(description: dict[str, Any], values: Callable[..., np.ndarray | None]) -> Graph:
    """Make a graph from its description.

    Args:
        description: Parsed JSON, as `_describe` writes it.
        values: Function of tensor index, type and shape that returns the constant data, or None.
    """
    if description.get("format") != FORMAT or description.get("version") != VERSION:
        raise ValueError(
            f"unknown format {description.get('format')!r}, version {description.get('version')!r}"
        )
    tensors = [_make_tensor(i, tensor, values) for i, tensor in enumerate(description["tensors"])]
    graph = Graph(
        tuple(tensors),
        tuple(
            Operator(
                str(operator["name"]),
                _check_integers(operator["inputs"]),
                _check_integers(operator["outputs"]),
                {name: _check_option(value) for name, value in operator["options"].items()},
            )
            for operator in description["operators"]
        ),
        _check_integers(description["inputs"]),
        _check_integers(description["outputs"]),
    )
    graph.check()
    return graph


def _make_tensor(index: int, description: dict[str, Any], values: Any) -> Tensor:
    shape, dtype = _check_integers(description["shape"]), str(description["dtype"])
    if not TYPE_NAME.fullmatch(dtype):
        raise ValueError(f"tensor {index} has the unknown type {dtype!r}")
    scales = np.array(description["scales"], np.float32)
    points = np.array(_check_integers(description["zero_points"]), np.int64)
    data = values(index, dtype, shape)
    if data is not None and (data.shape != shape or data.dtype != np.dtype(dtype)):
        raise ValueError(f"tensor {index}: unexpected {data.dtype} of shape {list(data.shape)}")
    if scales.shape != points.shape:
        raise ValueError(f"tensor {index} has {len(scales)} scales and {len(points)} zero points")
    return Tensor(
        index=index,
        name=str(description["name"]),
        shape=shape,
        dtype=dtype,
        size=0 if data is None else math.prod(shape) * data.itemsize,
        values=data,
        scales=scales,
        zero_points=points,
        axis=int(description["axis"]),
        variable=bool(description["variable"]),
    )


def _check_integers(values: Any) -> tuple[int, ...]:
    if not all(type(value) is int for value in values):
        raise TypeError(f"{values!r} must be integers")
    return tuple(values)


def _check_option(value: Any) -> Any:
    if isinstance(value, list):
        return _check_integers(value)
    if not isinstance(value, int | float | bool):
        raise TypeError(f"invalid option {value!r}")
    return value
