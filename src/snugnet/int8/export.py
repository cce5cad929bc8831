"""Models in files that NumPy alone can read: .npz, and .json as text."""

import base64
import json
import math
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.errors import InputError, ModelFormatError
from snugnet.core.tflite_graph import Graph, Operator, Tensor

FORMAT = "snugnet.int8"
VERSION = 1
# What the arrays of a file may take: more is no small network, or an attack by compression.
MOST_BYTES = 1 << 28


def read(path: str | Path) -> Graph:
    """Read a graph by the kind of its file: .tflite, .npz or .json.

    Raises:
        ModelFormatError: If the file is damaged.
        InputError: If it is of another kind.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], Graph]] = {
        ".tflite": _read_tflite,
        ".npz": _read_npz,
        ".json": _read_json,
    }
    if path.suffix not in readers:
        raise InputError(
            f"{path}: unknown model format; the file name must end in {', '.join(readers)}"
        )
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
    """Write a graph as .npz or .json.

    Raises:
        InputError: If the file is of another kind.
    """
    path = Path(path)
    if path.suffix not in (".npz", ".json"):
        raise InputError(f"{path}: the name of an exported model must end in .npz or .json")
    described = _described(graph)
    values = {tensor.index: tensor.values for tensor in graph.tensors if tensor.values is not None}
    # Written beside and renamed, so that what is cut off leaves no half model.
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as stream:
        if path.suffix == ".npz":
            header = np.frombuffer(json.dumps(described).encode(), np.uint8)
            arrays = {f"tensor_{index}": array for index, array in values.items()}
            np.savez_compressed(stream, graph=header, **arrays)
        else:
            coded = {i: base64.b64encode(array.tobytes()).decode() for i, array in values.items()}
            stream.write(json.dumps({**described, "values": coded}).encode())
    partial.replace(path)


def _described(graph: Graph) -> dict[str, Any]:
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
                # float32 numbers are exact as float64, and so is their text.
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


def _read_npz(path: Path) -> Graph:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MOST_BYTES:
            raise ValueError(f"{size} bytes unpacked; the maximum is {MOST_BYTES}")
        with np.load(path, allow_pickle=False) as file:
            described = json.loads(file["graph"].tobytes())
            values = {
                int(name.removeprefix("tensor_")): file[name]
                for name in file.files
                if name.startswith("tensor_")
            }
        return _graph(described, lambda index, *_: values.get(index))
    except (zipfile.BadZipFile, zlib.error, EOFError, *_DAMAGE) as error:
        raise _damaged(path, error) from error


def _read_json(path: Path) -> Graph:
    try:
        described = json.loads(path.read_text())
        values = described["values"]

        def of(index: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray | None:
            if str(index) not in values:
                return None
            data = base64.b64decode(values[str(index)], validate=True)
            return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).reshape(shape)

        return _graph(described, of)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


# RuntimeError: nested too deeply, or an archive said to be encrypted or packed in an unknown way.
_DAMAGE = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError),
    *(RuntimeError, MemoryError),
)


def _damaged(path: Path, error: Exception) -> ModelFormatError:
    return ModelFormatError(
        f"{path}: damaged, or not an exported model ({type(error).__name__}: {error})"
    )


def _graph(described: dict[str, Any], values: Callable[..., np.ndarray | None]) -> Graph:
    if described.get("format") != FORMAT or described.get("version") != VERSION:
        raise ValueError(
            f"unknown format {described.get('format')!r}, version {described.get('version')!r}"
        )
    tensors = [_tensor(i, tensor, values) for i, tensor in enumerate(described["tensors"])]
    graph = Graph(
        tuple(tensors),
        tuple(
            Operator(
                str(operator["name"]),
                _integers(operator["inputs"]),
                _integers(operator["outputs"]),
                {name: _option(value) for name, value in operator["options"].items()},
            )
            for operator in described["operators"]
        ),
        _integers(described["inputs"]),
        _integers(described["outputs"]),
    )
    graph.check()
    return graph


def _tensor(index: int, described: dict[str, Any], values: Any) -> Tensor:
    shape, dtype = _integers(described["shape"]), str(described["dtype"])
    scales = np.array(described["scales"], np.float32)
    points = np.array(_integers(described["zero_points"]), np.int64)
    data = values(index, dtype, shape)
    if data is not None and (data.shape != shape or data.dtype != np.dtype(dtype)):
        raise ValueError(f"tensor {index}: unexpected {data.dtype} of shape {list(data.shape)}")
    if scales.shape != points.shape:
        raise ValueError(f"tensor {index} has {len(scales)} scales and {len(points)} zero points")
    return Tensor(
        index=index,
        name=str(described["name"]),
        shape=shape,
        dtype=dtype,
        size=0 if data is None else math.prod(shape) * data.itemsize,
        values=data,
        scales=scales,
        zero_points=points,
        axis=int(described["axis"]),
        variable=bool(described["variable"]),
    )


def _integers(values: Any) -> tuple[int, ...]:
    if not all(isinstance(value, int) for value in values):
        raise TypeError(f"{values!r} must be integers")
    return tuple(values)


def _option(value: Any) -> Any:
    if isinstance(value, list):
        return _integers(value)
    if not isinstance(value, int | float | bool):
        raise TypeError(f"invalid option {value!r}")
    return value
