"""Engine that runs full-integer models with NumPy alone, bit-exact to a runtime in every tensor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.affine import quantize
from snugnet.core.budget import DEFAULT_BUDGET, Budget, as_budget
from snugnet.core.errors import InputError, ModelFormatError
from snugnet.core.inputs import split_inputs
from snugnet.core.tflite_graph import Graph, Operator, Tensor
from snugnet.int8.cost import count_bytes, estimate_cost
from snugnet.int8.export import read
from snugnet.int8.node import Kernel, Node, Profile, count_elements, make_node
from snugnet.int8.operators import OPERATORS

# Maximum number of elements of all tensors in one block of invocations; about as many bytes.
BLOCK_ELEMENTS = 1 << 23
# Maximum number of unsupported operators that an error names.
MAX_NAMED_ERRORS = 8
# Types of the inputs and outputs of a model.
PORT_TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32")


@dataclass(frozen=True)
class Port:
    """An input or output of a model.

    Attributes:
        index: Index of the tensor in the graph.
        name: Name of the tensor, from the converter.
        shape: Shape of one invocation, batch dimension included.
        dtype: `int8`, `uint8`, `int16`, `int32`, `int64` or `float32`.
        scale: Quantization scale; 0.0 if the tensor is not quantized.
        zero_point: Zero point; 0 if the tensor is not quantized.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


def load(
    path: str | Path, profile: str = "litert_ref", budget: float | Budget = DEFAULT_BUDGET
) -> "Model":
    """Read a full-integer model for the integer engine.

    Args:
        path: Path of a .tflite file, which requires the extra `tflite`, or of a .npz or .json file
            that `snugnet export` or `snugnet.int8.export.write` wrote.
        profile: Runtime whose kernels to reproduce: `litert_ref` (LiteRT's reference kernels) or
            `tflm` (TensorFlow Lite Micro).
        budget: Limits on work and memory, or the factor by which the default limits are multiplied.

    Returns:
        The model, ready to run.

    Raises:
        ModelFormatError: If the file is damaged, or if the engine or the runtime does not support
            the model.
        InputError: If the path is none, or if the profile or the file format is unknown.
        OSError: If the file cannot be read.
    """
    if not isinstance(path, str | Path):
        raise InputError(
            f"path: expected the path of a file, got an object of type {type(path).__name__}. "
            "Save a quantized model first: q.save('m.tflite')."
        )
    limits = as_budget(budget)
    return Model(read(path, limits), profile, limits)


class Model:
    """A full-integer model that NumPy alone runs, bit-exact to a runtime in every tensor.

    An invocation is one run of the model, with inputs of exactly the shapes in the file.

    Attributes:
        graph (Graph): Operators and tensors of the file.
        profile (Profile): Runtime whose kernels the model reproduces: `litert_ref` or `tflm`.
        inputs (tuple[Port, ...]): Inputs, in the order that `predict` expects.
        outputs (tuple[Port, ...]): Outputs, in the order that `predict` returns.
    """

    def __init__(
        self,
        graph: Graph,
        profile: str = "litert_ref",
        budget: float | Budget = DEFAULT_BUDGET,
    ) -> None:
        if profile not in list(Profile):
            raise InputError(f"unknown profile {profile!r}. Known: {', '.join(Profile)}.")
        self.graph = graph
        self.profile = Profile(profile)
        self.inputs = tuple(_make_port(graph.tensors[i]) for i in graph.inputs)
        self.outputs = tuple(_make_port(graph.tensors[i]) for i in graph.outputs)
        self._budget = as_budget(budget)
        _check_graph(graph)
        self._budget.check_bytes_held(sum(map(count_bytes, graph.tensors)), "the model")
        self._tensors, self._kernels = _prepare(graph, self.profile, self._budget)
        self._last_uses = _find_last_uses(graph)
        self._elements = max(1, sum(count_elements(tensor) for tensor in graph.tensors))

    def predict(self, x: Any) -> Any:
        """Compute the raw outputs.

        Args:
            x: Samples, (n, ...), in the type of the input. Floats are quantized with rounding and
                saturation. n is any multiple of the input's first dimension, which is mostly 1.
                For a model with several inputs, a list of such arrays, or a structured array with
                one field for each.

        Returns:
            Raw outputs, (m, ...), in the type of the output, not dequantized. The results of
            all invocations are concatenated along the first dimension. For a model with several
            outputs, a list of such arrays.

        Raises:
            InputError: If x has a wrong shape or type, is empty, or contains NaN.
        """
        tensors = self._run_blocks(self.prepare_inputs(x), self.graph.outputs)
        outputs = [tensors[i] for i in self.graph.outputs]
        return outputs[0] if len(outputs) == 1 else outputs

    def trace(self, x: Any) -> dict[int, np.ndarray]:
        """Compute every tensor that an operator writes.

        Args:
            x: Samples, as for `predict`.

        Returns:
            Arrays by tensor index, each in the type of its tensor. The results of all
            invocations are concatenated along the first dimension.

        Raises:
            InputError: If x has a wrong shape or type, is empty, or contains NaN.
        """
        indices = [i for operator in self.graph.operators for i in operator.outputs]
        return self._run_blocks(self.prepare_inputs(x), indices)

    def explain(self, x: Any, operator: int, index: Sequence[int]) -> list[tuple[str, Any]]:
        """Return the arithmetic of one element of an operator's first output, step by step.

        Args:
            x: Input of one invocation, as for `predict`.
            operator: Index of the operator in `graph.operators`.
            index: Index of the element: one integer for each dimension of the output tensor.

        Returns:
            Pairs of name and value, from the inputs to the output, for example sum, bias,
            multiplier, zero point and limits.

        Raises:
            InputError: If the operator or the element does not exist, if the operator only copies
                elements, or if x is wrong or has more than one invocation.
        """
        operators = self.graph.operators
        if not 0 <= operator < len(operators):
            raise InputError(
                f"operator {operator} is out of range; allowed: 0 to {len(operators) - 1}"
            )
        output = self.graph.tensors[operators[operator].outputs[0]]
        element = tuple(index)
        if len(element) != len(output.shape) or not all(
            0 <= i < n for i, n in zip(element, output.shape, strict=True)
        ):
            raise InputError(
                f"element {list(element)} is outside the output shape {list(output.shape)}; "
                "indices count from 0"
            )
        kernel = self._kernels[operator]
        if kernel.explain is None:
            raise InputError(
                f"operator {operator} {operators[operator].name} computes nothing to explain"
            )
        inputs = self.prepare_inputs(x)
        if max(len(array) for array in inputs) != 1:
            raise InputError("explain takes the input of one invocation only")
        indices = operators[operator].inputs
        tensors = self._run(inputs, indices)
        arrays = [None if i < 0 else tensors[i][0] for i in indices]
        return [
            ("operator", f"{operator} {operators[operator].name}"),
            ("profile", str(self.profile)),
            ("element", list(element)),
            *kernel.explain(arrays, element),
        ]

    def list_operations(self) -> list[tuple[Node, Kernel]]:
        """List the operators with their kernels, in order of execution.

        Tensors that depend on no input have values.
        """
        return [
            (make_node(self._tensors, position, operator, self.profile), kernel)
            for position, (operator, kernel) in enumerate(
                zip(self.graph.operators, self._kernels, strict=True)
            )
        ]

    def prepare_inputs(self, x: Any) -> list[np.ndarray]:
        """Check samples, quantize floats, and divide them into invocations.

        Args:
            x: Samples, as for `predict`.

        Returns:
            For each input, an array (n, shape of one invocation) in its type.

        Raises:
            InputError: If x has a wrong shape or type, is empty, or contains NaN.
        """
        if isinstance(x, np.ndarray):
            x = list(split_inputs(x).values())
        samples = list(x) if isinstance(x, list | tuple) else [x]
        if len(samples) != len(self.inputs):
            raise InputError(f"got {len(samples)} inputs; the model expects {len(self.inputs)}")
        inputs = [_to_invocations(a, port) for a, port in zip(samples, self.inputs, strict=True)]
        if len({len(array) for array in inputs}) > 1:
            raise InputError("all inputs must have the same number of invocations")
        return inputs

    def _run_blocks(
        self, inputs: list[np.ndarray], indices: Sequence[int]
    ) -> dict[int, np.ndarray]:
        """Run all invocations in blocks of limited size, and concatenate the requested tensors.

        Args:
            inputs: One array for each input, with the leading axis of invocations.
            indices: Indices of the requested tensors.

        Returns:
            Arrays by tensor index, without the axis of invocations.
        """
        count, tensors = len(inputs[0]), self.graph.tensors
        requested = count * sum(count_bytes(tensors[i]) for i in set(indices))
        self._budget.check_bytes_held(requested, f"the outputs of {count} invocations")
        step = max(1, BLOCK_ELEMENTS // self._elements)
        parts = [
            self._run([array[start : start + step] for array in inputs], indices)
            for start in range(0, count, step)
        ]
        return {i: _concatenate([part[i] for part in parts]) for i in indices}

    def _run(self, inputs: list[np.ndarray], indices: Sequence[int]) -> dict[int, np.ndarray]:
        """Run one block, and return the requested tensors with the axis of invocations."""
        keep = frozenset(indices)
        arrays: dict[int, np.ndarray] = {
            tensor.index: tensor.values[np.newaxis]
            for tensor in self._tensors
            if tensor.values is not None
        }
        arrays |= dict(zip(self.graph.inputs, inputs, strict=True))
        for position, (operator, kernel) in enumerate(
            zip(self.graph.operators, self._kernels, strict=True)
        ):
            outputs = kernel.run(*(None if i < 0 else arrays[i] for i in operator.inputs))
            outputs = outputs if isinstance(outputs, list) else [outputs]
            arrays |= dict(zip(operator.outputs, outputs, strict=True))
            for index in self._last_uses.get(position, ()):
                if index not in keep:
                    del arrays[index]
        # A tensor that depends on no input was computed once; it is the same in all invocations.
        count = len(inputs[0])
        return {
            i: arrays[i] if len(arrays[i]) == count else np.repeat(arrays[i], count, axis=0)
            for i in keep
            if i >= 0
        }


def _make_port(tensor: Tensor) -> Port:
    if tensor.dtype not in PORT_TYPES:
        raise ModelFormatError(
            f"input or output tensor {tensor.index} is {tensor.dtype}; allowed: "
            f"{', '.join(PORT_TYPES)}"
        )
    is_quantized = len(tensor.scales) == 1
    return Port(
        index=tensor.index,
        name=tensor.name,
        shape=tensor.shape,
        dtype=tensor.dtype,
        scale=float(tensor.scales[0]) if is_quantized else 0.0,
        zero_point=int(tensor.zero_points[0]) if is_quantized else 0,
    )


def _check_graph(graph: Graph) -> None:
    if not graph.inputs or not graph.outputs:
        raise ModelFormatError("the model must have an input and an output")
    for tensor in graph.tensors:
        if tensor.variable:
            raise ModelFormatError(
                f"tensor {tensor.index} ({tensor.name}) keeps a state between invocations, as in a "
                "recurrent layer, which is not supported"
            )


def _prepare(graph: Graph, profile: Profile, budget: Budget) -> tuple[list[Tensor], list[Kernel]]:
    """Make the kernels of all operators, and compute the tensors that depend only on constants.

    Returns:
        The tensors of the graph, with values for all tensors that do not depend on an input, and
        the kernels.
    """
    tensors = list(graph.tensors)
    available = {tensor.index for tensor in tensors if tensor.values is not None}
    available |= set(graph.inputs)
    _check_names(graph)
    kernels, errors, macs = [], [], 0
    for position, operator in enumerate(graph.operators):
        _check_order(position, operator, available)
        node = make_node(tensors, position, operator, profile)
        available |= set(operator.outputs)
        cost = estimate_cost(node)
        macs += cost.macs
        name = f"operator {position} {operator.name}"
        budget.check_macs(macs, f"the model up to {name}")
        budget.check_bytes_held(cost.bytes_held, name)
        try:
            kernel, constants = _prepare_node(node)
        except ModelFormatError as error:
            errors.append(str(error))
            continue
        kernels.append(kernel)
        for index, values in constants:
            tensors[index] = replace(tensors[index], values=values)
    if errors:
        rest = len(errors) - MAX_NAMED_ERRORS
        more = f"; and {rest} more" if rest > 0 else ""
        raise ModelFormatError("; ".join(errors[:MAX_NAMED_ERRORS]) + more)
    if missing := [i for i in graph.outputs if i not in available]:
        raise ModelFormatError(f"no operator computes outputs {missing}")
    return tensors, kernels


def _check_order(position: int, operator: Operator, available: set[int]) -> None:
    unwritten = [i for i in operator.inputs if i >= 0 and i not in available]
    overwritten = [i for i in operator.outputs if i in available]
    if unwritten or overwritten or len(set(operator.outputs)) < len(operator.outputs):
        raise ModelFormatError(
            f"operator {position} {operator.name}: reads tensors {unwritten} before they are "
            f"written, or overwrites tensors {overwritten}"
        )


def _check_names(graph: Graph) -> None:
    unknown = [
        f"operator {position} {operator.name}"
        for position, operator in enumerate(graph.operators)
        if operator.name not in OPERATORS
    ]
    if unknown:
        raise ModelFormatError(
            f"{', '.join(unknown)}: not supported; supported: {', '.join(sorted(OPERATORS))}"
        )


def _prepare_node(node: Node) -> tuple[Kernel, list[tuple[int, np.ndarray]]]:
    """Make the kernel of an operator, and compute its outputs if they are constants.

    Returns:
        The kernel, and pairs of tensor index and values of the constant outputs.

    Raises:
        ModelFormatError: If the operator is not supported, or if a number in the file leads to an
            arithmetic, index, type, value or memory error.
    """
    try:
        with np.errstate(all="ignore"):
            kernel = OPERATORS[node.name].make_kernel(node)
            is_constant = node.name == "SHAPE" or _has_constant_inputs(node)
            constants = _compute_outputs(node, kernel) if is_constant else []
            return kernel, constants
    except (ArithmeticError, IndexError, TypeError, MemoryError) as error:
        raise node.error(f"{type(error).__name__}: {error}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise node.error(f"ValueError: {error}") from error


def _has_constant_inputs(node: Node) -> bool:
    return all(tensor is None or tensor.values is not None for tensor in node.inputs)


def _compute_outputs(node: Node, kernel: Kernel) -> list[tuple[int, np.ndarray]]:
    arrays = [
        None if tensor is None or tensor.values is None else tensor.values[np.newaxis]
        for tensor in node.inputs
    ]
    outputs = kernel.run(*arrays)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return [(t.index, array[0]) for t, array in zip(node.outputs, outputs, strict=True)]


def _find_last_uses(graph: Graph) -> Mapping[int, list[int]]:
    """List for each operator the tensors that no later operator uses."""
    last_uses: dict[int, int] = {}
    for position, operator in enumerate(graph.operators):
        used = [*operator.outputs, *(i for i in operator.inputs if i >= 0)]
        last_uses |= dict.fromkeys(used, position)
    released: dict[int, list[int]] = {}
    for index, position in last_uses.items():
        if index not in graph.outputs:
            released.setdefault(position, []).append(index)
    return released


def _to_invocations(x: Any, port: Port) -> np.ndarray:
    """Check an input, quantize real numbers, and divide it: (invocations, *shape)."""
    x = np.asarray(x)
    batch = 1 if not port.shape else port.shape[0]
    if x.ndim != len(port.shape) or x.shape[1:] != port.shape[1:] or (batch and len(x) % batch):
        raise InputError(
            f"input {port.name!r} has shape {list(x.shape)}; expected {list(port.shape)}, or a "
            "multiple of its first dimension"
        )
    if x.size == 0 or 0 in port.shape:
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


def _concatenate(parts: list[np.ndarray]) -> np.ndarray:
    """Concatenate blocks of invocations, and merge the invocations into the first dimension."""
    array = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return array.reshape(-1, *array.shape[2:]) if array.ndim > 1 else array
