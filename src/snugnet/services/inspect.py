"""Describe the operators and tensors of a model file, and compare two files."""

import difflib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snugnet.core.files import check_regular
from snugnet.core.tflite_graph import BIAS_INPUTS, WEIGHT_INPUTS, Graph, Operator, Tensor
from snugnet.services.file_scheme import find_scheme

# Bytes of a number. Sizes of activations of other types are not known.
BYTES = {
    "float64": 8,
    "int64": 8,
    "float32": 4,
    "int32": 4,
    "float16": 2,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}


@dataclass(frozen=True)
class TensorDescription:
    """A tensor of a model.

    Attributes:
        index: Index of the tensor.
        name: Name that the converter gave it.
        dtype: Type of its values.
        shape: Shape.
        constant: Whether its values are stored in the file.
        bytes: Size in bytes; of activations, when the model runs.
        scales: Quantization scales: none, one, or one for each channel.
        zero_points: Zero points, as many.
        axis: Dimension of the channels; None without several scales.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    constant: bool
    bytes: int
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class FileDescription:
    """A model file.

    Attributes:
        file: Path of the file.
        bytes: Size of the file.
        scheme: Name of the strictest scheme whose promises the file keeps; None if it keeps none.
        inputs: Indices of the input tensors.
        outputs: Indices of the output tensors.
        operators: The operators, in their order.
        tensors: The tensors.
        other_subgraphs: Number of other subgraphs, which are not described.
    """

    file: str
    bytes: int
    scheme: str | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]
    tensors: tuple[TensorDescription, ...]
    other_subgraphs: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "file": self.file,
            "bytes": self.bytes,
            "scheme": self.scheme,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "operators": [
                {
                    "index": index,
                    "name": operator.name,
                    "inputs": list(operator.inputs),
                    "outputs": list(operator.outputs),
                    "options": dict(operator.options),
                }
                for index, operator in enumerate(self.operators)
            ],
            "tensors": [tensor.to_json() for tensor in self.tensors],
            "other_subgraphs": self.other_subgraphs,
        }


@dataclass(frozen=True)
class TensorChange:
    """A tensor of an operator in both files that has another type, shape or scale.

    Attributes:
        operator: Index of the operator in both files.
        name: Name of the operator.
        role: Use of the tensor: `input`, `weights`, `bias`, `output`, ...
        before: The tensor in the first file; None if it is absent.
        after: The tensor in the second file; None if it is absent.
    """

    operator: tuple[int, int]
    name: str
    role: str
    before: TensorDescription | None
    after: TensorDescription | None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "operator": list(self.operator),
            "name": self.name,
            "role": self.role,
            "one": None if self.before is None else self.before.to_json(),
            "other": None if self.after is None else self.after.to_json(),
        }


@dataclass(frozen=True)
class ModelDifference:
    """Differences between two model files.

    Attributes:
        models: Both files.
        removed: Index and name of the operators that only the first file has.
        added: Index and name of the operators that only the second file has.
        changed: The tensors that differ.
    """

    models: tuple[FileDescription, FileDescription]
    removed: tuple[tuple[int, str], ...]
    added: tuple[tuple[int, str], ...]
    changed: tuple[TensorChange, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "files": [model.file for model in self.models],
            "bytes": [model.bytes for model in self.models],
            "schemes": [model.scheme for model in self.models],
            "operators": [len(model.operators) for model in self.models],
            "removed": [{"index": index, "name": name} for index, name in self.removed],
            "added": [{"index": index, "name": name} for index, name in self.added],
            "changed": [change.to_json() for change in self.changed],
        }


def describe(path: Path) -> FileDescription:
    """Describe a model.

    Args:
        path: .tflite file, or .npz or .json that `export` wrote.

    Raises:
        ModelFormatError: If the file is damaged.
        InputError: If it is of another kind.
        OSError: If it cannot be read.
    """
    graph, subgraphs = _read(path)
    return FileDescription(
        file=str(path),
        bytes=path.stat().st_size,
        scheme=find_scheme(graph),
        inputs=tuple(graph.inputs),
        outputs=tuple(graph.outputs),
        operators=tuple(graph.operators),
        tensors=tuple(_describe_tensor(tensor) for tensor in graph.tensors),
        other_subgraphs=subgraphs - 1,
    )


def _read(path: Path) -> tuple[Graph, int]:
    """Read the main graph of a file, and count its subgraphs."""
    if path.suffix == ".tflite":
        from snugnet.tflite.flatbuffer import count_subgraphs, parse_graph

        check_regular(path)
        content = path.read_bytes()
        graph = parse_graph(content, path, only_main=True)
        return graph, count_subgraphs(content)
    from snugnet.int8.export import read

    return read(path), 1


def _describe_tensor(tensor: Tensor) -> TensorDescription:
    is_constant = tensor.values is not None or tensor.size > 0
    width = BYTES.get(tensor.dtype)
    size = tensor.size if is_constant or width is None else width * math.prod(tensor.shape)
    return TensorDescription(
        index=tensor.index,
        name=tensor.name,
        dtype=tensor.dtype,
        shape=tuple(tensor.shape),
        constant=is_constant,
        bytes=size,
        scales=tuple(float(scale) for scale in tensor.scales),
        zero_points=tuple(int(point) for point in tensor.zero_points),
        axis=tensor.axis if len(tensor.scales) > 1 else None,
    )


def compare(before: FileDescription, after: FileDescription) -> ModelDifference:
    """Compare two descriptions operator by operator; names of tensors are ignored."""
    names = [[operator.name for operator in model.operators] for model in (before, after)]
    removed: list[tuple[int, str]] = []
    added: list[tuple[int, str]] = []
    changed: list[TensorChange] = []
    matcher = difflib.SequenceMatcher(None, names[0], names[1], autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        first, second = range(start, end), range(other_start, other_end)
        if tag == "equal":
            for pair in zip(first, second, strict=True):
                changed += _changes(before, after, pair)
        else:
            removed += [(index, names[0][index]) for index in first]
            added += [(index, names[1][index]) for index in second]
    return ModelDifference((before, after), tuple(removed), tuple(added), tuple(changed))


def _changes(
    before: FileDescription, after: FileDescription, pair: tuple[int, int]
) -> list[TensorChange]:
    """Compare the tensors of two operators by their use."""
    old, new = _by_role(before, pair[0]), _by_role(after, pair[1])
    name = before.operators[pair[0]].name
    return [
        TensorChange(pair, name, role, old.get(role), new.get(role))
        for role in {**old, **new}
        if _form(old.get(role)) != _form(new.get(role))
    ]


def _form(tensor: TensorDescription | None) -> tuple[Any, ...] | None:
    """Return what makes two tensors equal. Scales are rounded to six digits."""
    if tensor is None:
        return None
    scales = [f"{scale:.6g}" for scale in tensor.scales]
    return (tensor.dtype, tensor.shape, tensor.bytes, scales, tensor.zero_points)


def _by_role(model: FileDescription, index: int) -> dict[str, TensorDescription]:
    """Return an operator's constants and outputs; other inputs are outputs of earlier operators."""
    operator = model.operators[index]
    tensors = {}
    for slot, tensor in enumerate(operator.inputs):
        if tensor >= 0 and (model.tensors[tensor].constant or tensor in model.inputs):
            tensors[_role_of_input(operator.name, slot)] = model.tensors[tensor]
    for slot, tensor in enumerate(operator.outputs):
        tensors["output" if slot == 0 else f"output {slot}"] = model.tensors[tensor]
    return tensors


def _role_of_input(operator: str, slot: int) -> str:
    """Return the use of an operator's input."""
    weights = WEIGHT_INPUTS.get(operator, ())
    biases = BIAS_INPUTS.get(operator, (2,)) if weights else ()
    for name, slots in (("weights", weights), ("bias", biases)):
        if slot in slots:
            return name if len(slots) == 1 else f"{name} {slots.index(slot)}"
    return "input" if weights and slot == 0 else f"input {slot}"
