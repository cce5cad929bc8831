"""Full-integer models run with NumPy alone, every tensor bit for bit as a runtime computes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.affine import quantize
from snugnet.core.errors import InputError, ModelFormatError
from snugnet.core.tflite_graph import Graph, Operator, Tensor
from snugnet.int8.export import read
from snugnet.int8.node import Kernel, Node, Profile, elements
from snugnet.int8.operators import OPERATORS

# How many elements of activations one block of invocations may hold, that is about as many bytes.
BLOCK = 1 << 23
# A model whose one invocation would hold more is refused: it is not for a microcontroller.
MOST_HELD = 1 << 27
# How many refused operators an error names.
MOST_NAMED = 8
# What a model may take and give.
PORT_TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32")


@dataclass(frozen=True)
class Port:
    """An input or output of a model.

    Attributes:
        index: Of its tensor.
        name: As the converter called it.
        shape: Of one invocation.
        dtype: `int8`, `uint8`, `int16`, `int32`, `int64` or `float32`.
        scale: 0.0 if it is not quantized.
        zero_point: 0 if it is not quantized.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


def load(path: str | Path, profile: str = "litert_ref") -> "Model":
    """Read a model.

    Args:
        path: A .tflite file (which needs the extra `tflite`), or one that `export` wrote: .npz or
            .json.
        profile: Whose kernels are reproduced: `litert_ref` or `tflm`.

    Raises:
        ModelFormatError: If the file is damaged, or holds what the engine, or the runtime, does not
            support.
        InputError: If the profile or the kind of file is unknown.
        OSError: If the file cannot be read.
    """
    return Model(read(path), profile)


class Model:
    """A model ready to run.

    Attributes:
        graph: What it was made from.
        profile: Whose kernels are reproduced.
        inputs: What it takes.
        outputs: What it gives.
    """

    def __init__(self, graph: Graph, profile: str = "litert_ref") -> None:
        if profile not in list(Profile):
            raise InputError(f"unknown profile {profile!r}. Known: {', '.join(Profile)}.")
        self.graph = graph
        self.profile = Profile(profile)
        self.inputs = tuple(_port(graph.tensors[i]) for i in graph.inputs)
        self.outputs = tuple(_port(graph.tensors[i]) for i in graph.outputs)
        _check_size(graph)
        self._tensors, self._kernels = _prepare(graph, self.profile)
        self._last_use = _last_uses(graph)
        self._held = max(1, sum(elements(tensor) for tensor in graph.tensors))

    def predict(self, x: Any) -> Any:
        """Compute the outputs.

        Args:
            x: (n, …), of the input's own type, or real numbers, which are quantized with rounding
                and saturation. n may be any multiple of the model's own first dimension. Several
                inputs as a list.

        Returns:
            The raw output, (m, …) of the output's own type, as if the model had been invoked for
            part after part and the results joined along the first dimension; several outputs as a
            list.

        Raises:
            InputError: If x has another shape or type, or holds NaN.
        """
        found = self._joined(self._given(x), self.graph.outputs)
        outputs = [found[i] for i in self.graph.outputs]
        return outputs[0] if len(outputs) == 1 else outputs

    def trace(self, x: Any) -> dict[int, np.ndarray]:
        """Compute every tensor that an operator writes.

        Args:
            x: As for `predict`.

        Returns:
            Arrays of the tensors' own types by their index, results of several invocations joined
            along the first dimension.
        """
        written = [i for operator in self.graph.operators for i in operator.outputs]
        return self._joined(self._given(x), written)

    def explain(self, x: Any, operator: int, index: Sequence[int]) -> list[tuple[str, Any]]:
        """Tell how one element of an operator's first output comes about.

        Args:
            x: As for `predict`, one invocation.
            operator: Its index.
            index: Of the element in the output's shape.

        Returns:
            Pairs of a name and a value, from the inputs to the output.

        Raises:
            InputError: If there is no such operator or element, or it only moves elements.
        """
        operators = self.graph.operators
        if not 0 <= operator < len(operators):
            raise InputError(
                f"operator {operator} is out of range; allowed: 0 to {len(operators) - 1}"
            )
        made = self.graph.tensors[operators[operator].outputs[0]]
        place = tuple(index)
        if len(place) != len(made.shape) or not all(
            0 <= i < n for i, n in zip(place, made.shape, strict=True)
        ):
            raise InputError(
                f"element {list(place)} is outside the output shape {list(made.shape)}"
            )
        kernel = self._kernels[operator]
        if kernel.explain is None:
            raise InputError(
                f"operator {operator} {operators[operator].name} computes nothing to explain"
            )
        given = self._given(x)
        if max(len(array) for array in given) != 1:
            raise InputError("explain takes the input of one invocation only")
        read = operators[operator].inputs
        tensors = self._run(given, read)
        arrays = [None if i < 0 else tensors[i][0] for i in read]
        return [
            ("operator", f"{operator} {operators[operator].name}"),
            ("profile", str(self.profile)),
            ("element", list(place)),
            *kernel.explain(arrays, place),
        ]

    def _given(self, x: Any) -> list[np.ndarray]:
        """Check inputs and cut them into invocations."""
        several = list(x) if isinstance(x, list | tuple) else [x]
        if len(several) != len(self.inputs):
            raise InputError(f"got {len(several)} inputs; the model expects {len(self.inputs)}")
        given = [_invocations(a, port) for a, port in zip(several, self.inputs, strict=True)]
        if len({len(array) for array in given}) > 1:
            raise InputError("all inputs must have the same number of invocations")
        return given

    def _joined(self, given: list[np.ndarray], wanted: Sequence[int]) -> dict[int, np.ndarray]:
        """Run as many invocations at once as fit, block after block; join the wanted tensors."""
        step = max(1, BLOCK // self._held)
        parts = [
            self._run([array[start : start + step] for array in given], wanted)
            for start in range(0, len(given[0]), step)
        ]
        return {i: _end_to_end([part[i] for part in parts]) for i in wanted}

    def _run(self, given: list[np.ndarray], wanted: Sequence[int]) -> dict[int, np.ndarray]:
        """Run one block; give the wanted tensors, each with the leading axis of invocations."""
        keep = frozenset(wanted)
        arrays: dict[int, np.ndarray] = {
            tensor.index: tensor.values[np.newaxis]
            for tensor in self._tensors
            if tensor.values is not None
        }
        arrays |= dict(zip(self.graph.inputs, given, strict=True))
        for place, (operator, kernel) in enumerate(
            zip(self.graph.operators, self._kernels, strict=True)
        ):
            made = kernel.run(*(None if i < 0 else arrays[i] for i in operator.inputs))
            made = made if isinstance(made, list) else [made]
            arrays |= dict(zip(operator.outputs, made, strict=True))
            for index in self._last_use.get(place, ()):
                if index not in keep:
                    del arrays[index]
        # What depends on no input is the same in all invocations, and has been computed once.
        count = len(given[0])
        return {
            i: arrays[i] if len(arrays[i]) == count else np.repeat(arrays[i], count, axis=0)
            for i in keep
            if i >= 0
        }


def _port(tensor: Tensor) -> Port:
    if tensor.dtype not in PORT_TYPES:
        raise ModelFormatError(
            f"input or output tensor {tensor.index} is {tensor.dtype}; allowed: "
            f"{', '.join(PORT_TYPES)}"
        )
    scaled = len(tensor.scales) == 1
    return Port(
        index=tensor.index,
        name=tensor.name,
        shape=tensor.shape,
        dtype=tensor.dtype,
        scale=float(tensor.scales[0]) if scaled else 0.0,
        zero_point=int(tensor.zero_points[0]) if scaled else 0,
    )


def _check_size(graph: Graph) -> None:
    if not graph.inputs or not graph.outputs:
        raise ModelFormatError("the model must have an input and an output")
    total = sum(elements(tensor) for tensor in graph.tensors)
    if total > MOST_HELD:
        raise ModelFormatError(
            f"the tensors have {total} elements in total; the maximum is {MOST_HELD}"
        )
    for tensor in graph.tensors:
        if tensor.variable:
            raise ModelFormatError(f"tensor {tensor.index} is variable (stateful), not supported")


def _prepare(graph: Graph, profile: Profile) -> tuple[list[Tensor], list[Kernel]]:
    """Prepare all operators in order; compute at once what depends on constants alone."""
    tensors = list(graph.tensors)
    known = {tensor.index for tensor in tensors if tensor.values is not None} | set(graph.inputs)
    _check_names(graph)
    kernels, refused = [], []
    for place, operator in enumerate(graph.operators):
        _check_order(place, operator, known)
        node = Node(
            index=place,
            name=operator.name,
            inputs=tuple(None if i < 0 else tensors[i] for i in operator.inputs),
            outputs=tuple(tensors[i] for i in operator.outputs),
            options=operator.options,
            profile=profile,
        )
        known |= set(operator.outputs)
        try:
            kernel, computed = _checked(node)
        except ModelFormatError as error:
            refused.append(str(error))
            continue
        kernels.append(kernel)
        for index, values in computed:
            tensors[index] = replace(tensors[index], values=values)
    if refused:
        more = f"; and {len(refused) - MOST_NAMED} more" if len(refused) > MOST_NAMED else ""
        raise ModelFormatError("; ".join(refused[:MOST_NAMED]) + more)
    if missing := [i for i in graph.outputs if i not in known]:
        raise ModelFormatError(f"no operator computes outputs {missing}")
    return tensors, kernels


def _check_order(place: int, operator: Operator, known: set[int]) -> None:
    unknown = [i for i in operator.inputs if i >= 0 and i not in known]
    again = [i for i in operator.outputs if i in known]
    if unknown or again or len(set(operator.outputs)) < len(operator.outputs):
        raise ModelFormatError(
            f"operator {place} {operator.name}: reads tensors {unknown} before they are written, "
            f"or overwrites tensors {again}"
        )


def _check_names(graph: Graph) -> None:
    unknown = [
        f"operator {place} {operator.name}"
        for place, operator in enumerate(graph.operators)
        if operator.name not in OPERATORS
    ]
    if unknown:
        raise ModelFormatError(
            f"{', '.join(unknown)}: not supported; supported: {', '.join(sorted(OPERATORS))}"
        )


def _checked(node: Node) -> tuple[Kernel, list[tuple[int, np.ndarray]]]:
    """Prepare an operator, and compute it if all that it needs is constant.

    What its numbers make impossible is the file's fault.
    """
    try:
        with np.errstate(all="ignore"):
            kernel = OPERATORS[node.name].kernel(node)
            constant = node.name == "SHAPE" or _constant(node)
            return kernel, _computed(node, kernel) if constant else []
    except (ArithmeticError, IndexError, TypeError, MemoryError) as error:
        raise node.error(f"{type(error).__name__}: {error}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise node.error(f"ValueError: {error}") from error


def _constant(node: Node) -> bool:
    return all(tensor is None or tensor.values is not None for tensor in node.inputs)


def _computed(node: Node, kernel: Kernel) -> list[tuple[int, np.ndarray]]:
    arrays = [
        None if tensor is None or tensor.values is None else tensor.values[np.newaxis]
        for tensor in node.inputs
    ]
    made = kernel.run(*arrays)
    outputs = made if isinstance(made, list) else [made]
    return [(t.index, array[0]) for t, array in zip(node.outputs, outputs, strict=True)]


def _last_uses(graph: Graph) -> Mapping[int, list[int]]:
    """Tell after which operator each computed tensor is not needed any more."""
    last: dict[int, int] = {}
    for place, operator in enumerate(graph.operators):
        last |= dict.fromkeys([*operator.outputs, *(i for i in operator.inputs if i >= 0)], place)
    freed: dict[int, list[int]] = {}
    for index, place in last.items():
        if index not in graph.outputs:
            freed.setdefault(place, []).append(index)
    return freed


def _invocations(x: Any, port: Port) -> np.ndarray:
    """Check an input, quantize it if it is real, and cut it: (invocations, *shape)."""
    x = np.asarray(x)
    own = 1 if not port.shape else port.shape[0]
    if x.ndim != len(port.shape) or x.shape[1:] != port.shape[1:] or (own and len(x) % own):
        raise InputError(
            f"input {port.name!r} has shape {list(x.shape)}; expected {list(port.shape)}, or a "
            "multiple of its first dimension"
        )
    if x.size == 0:
        raise InputError(f"input {port.name!r} is empty")
    if x.dtype.kind == "f":
        if np.isnan(x).any():
            raise InputError(f"input {port.name!r} holds NaN")
        if port.dtype != "float32":
            if port.scale <= 0:
                raise InputError(
                    f"input {port.name!r} has no scale; pass {port.dtype} values, not floats"
                )
            x = quantize(x, port.scale, port.zero_point, port.dtype)
        x = x.astype(np.float32) if port.dtype == "float32" else x
    if x.dtype != np.dtype(port.dtype):
        raise InputError(f"input {port.name!r} is {x.dtype}; expected {port.dtype} or floats")
    return np.ascontiguousarray(x).reshape(-1, *port.shape)


def _end_to_end(parts: list[np.ndarray]) -> np.ndarray:
    """Join invocations along the first dimension of their shape."""
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return whole.reshape(-1, *whole.shape[2:]) if whole.ndim > 1 else whole
