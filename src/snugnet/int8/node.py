"""Operators and kernels: the interface between the engine and the modules in `ops`."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_graph import Operator, Tensor

# Largest magnitude of an option that is a number.
MAX_OPTION = 1 << 31


class Profile(StrEnum):
    """Runtime whose kernels the engine reproduces.

    Attributes:
        LITERT_REF: Reference kernels of ai-edge-litert 2.3.0 (`OpResolverType.BUILTIN_REF`).
        TFLM: Kernels of TensorFlow Lite Micro, portable build (wheel 0.dev20261023182759).
    """

    LITERT_REF = "litert_ref"
    TFLM = "tflm"


# Function that computes an operator. It takes an array for each input, or None for an absent input.
# Each array has a leading axis of invocations before the shape of its tensor. The axis has length 1
# for constants.
Run = Callable[..., Any]
# Function that lists the arithmetic of one element of the first output, as pairs of name and value.
# It takes the input arrays of one invocation, and the index of the element.
Explain = Callable[[Sequence[Any], tuple[int, ...]], list[tuple[str, Any]]]


@dataclass(frozen=True)
class Kernel:
    """An operator that is ready to run.

    Attributes:
        run: Computes the array of the only output, or a list of arrays. Each array has the leading
            axis of invocations.
        explain: Lists the arithmetic of one element; None if the operator only copies elements.
        parameters: Numbers of the arithmetic, a record of `parameters`; None if the outputs do not
            depend on the inputs.
    """

    run: Run
    explain: Explain | None = None
    parameters: Any = None


@dataclass(frozen=True)
class Node:
    """An operator with its tensors.

    Attributes:
        index: Index of the operator in the graph.
        name: Name of the operator in the TFLite schema.
        inputs: Input tensors; None for an absent input. Constant tensors have `values`.
        outputs: Output tensors.
        options: Builtin options under their names in the schema.
        profile: Runtime whose kernels the engine reproduces.
    """

    index: int
    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, Any]
    profile: Profile

    def error(self, message: str) -> ModelFormatError:
        """Create an error whose message starts with the index and the name of the operator."""
        return ModelFormatError(f"operator {self.index} {self.name}: {message}")

    @property
    def is_tflm(self) -> bool:
        """Whether the engine reproduces TensorFlow Lite Micro."""
        return self.profile is Profile.TFLM

    def input(self, position: int) -> Tensor:
        """Return a required input.

        Raises:
            ModelFormatError: If the input is missing.
        """
        tensor = self.optional_input(position)
        if tensor is None:
            raise self.error(f"input {position} is missing")
        return tensor

    def optional_input(self, position: int) -> Tensor | None:
        """Return an input, or None if the operator does not have it."""
        return self.inputs[position] if position < len(self.inputs) else None

    @property
    def output(self) -> Tensor:
        """First output."""
        if not self.outputs:
            raise self.error("has no output")
        return self.outputs[0]

    def constant(self, position: int) -> np.ndarray:
        """Return the values of a constant input.

        Raises:
            ModelFormatError: If the input is missing or not a constant.
        """
        values = self.input(position).values
        if values is None:
            raise self.error(f"input {position} must be a constant")
        return values

    def constant_integers(self, position: int) -> list[int]:
        """Return the values of a constant input of type int32 or int64, flattened to a list.

        Raises:
            ModelFormatError: If the input is missing, not a constant, or of another type.
        """
        dtype = self.input(position).dtype
        if dtype not in ("int32", "int64"):
            raise self.error(f"input {position} is {dtype}; allowed: int32, int64")
        return [int(n) for n in self.constant(position).ravel()]

    def option(self, name: str, default: Any = 0) -> Any:
        """Return a builtin option, or the default if the operator has no option of this name.

        Raises:
            ModelFormatError: If its type is not that of the default, or it is no int32 number.
        """
        value = self.options.get(name, default)
        if isinstance(default, tuple):
            is_valid = isinstance(value, tuple)
        else:
            kinds = (int, float) if isinstance(default, float) else (int,)
            is_valid = isinstance(value, kinds) and abs(value) <= MAX_OPTION
        self.require(is_valid, f"option {name} has the value {str(value)[:40]}, which is not valid")
        return value

    def require(self, condition: Any, message: str) -> None:
        """Check a condition that the kernels or the engine require.

        Args:
            condition: Any value; it is tested for truth.
            message: Message of the error.

        Raises:
            ModelFormatError: If the condition is false.
        """
        if not condition:
            raise self.error(message)

    def require_types(self, tensor: Tensor, *allowed: str) -> None:
        """Check that a tensor has one of the allowed types.

        Raises:
            ModelFormatError: If the tensor has another type.
        """
        self.require(
            tensor.dtype in allowed,
            f"tensor {tensor.index} is {tensor.dtype}; allowed: {', '.join(allowed)}",
        )

    def require_shape(self, tensor: Tensor, shape: Sequence[int]) -> None:
        """Check that the shape of a tensor in the file is the shape that the operator implies.

        Raises:
            ModelFormatError: If the shapes differ.
        """
        self.require(
            tensor.shape == tuple(shape),
            f"tensor {tensor.index} has shape {list(tensor.shape)}; expected {list(shape)}",
        )

    def require_quantized(self, *tensors: Tensor) -> None:
        """Check that tensors have one scale above 0 and a zero point within their type.

        Raises:
            ModelFormatError: If a tensor has no scale, several scales, a scale that is not above 0,
                or a zero point that is out of range.
        """
        for tensor in tensors:
            self.require(
                len(tensor.scales) == 1 and tensor.scales[0] > 0,
                f"tensor {tensor.index} has scales {tensor.scales[:3].tolist()}; expected one "
                "scale above 0",
            )
            low, high = limits(tensor)
            self.require(
                low <= tensor.zero_points[0] <= high,
                f"tensor {tensor.index} has zero point {tensor.zero_points[0]}; allowed: {low} to "
                f"{high}",
            )

    def require_same_quantization(self, *tensors: Tensor) -> None:
        """Check that tensors have the scale and zero point of the first output.

        Raises:
            ModelFormatError: If a scale or zero point differs.
        """
        for tensor in tensors:
            self.require(
                np.array_equal(tensor.scales, self.output.scales)
                and np.array_equal(tensor.zero_points, self.output.zero_points),
                f"tensor {tensor.index} must have the scale and zero point of the output",
            )

    def scale_ratio(self, *factors: Any) -> np.float64:
        """Divide a product of factors by the output scale, as in operators without weights.

        `litert_ref` computes the ratio in float32, `tflm` in float64.

        Args:
            factors: Real numbers, at least one.

        Returns:
            The real multiplier, float64.

        Raises:
            ModelFormatError: If the ratio is not finite.
        """
        float_type = np.float64 if self.is_tflm else np.float32
        with np.errstate(over="ignore", invalid="ignore"):
            product = float_type(factors[0])
            for factor in factors[1:]:
                product = product * float_type(factor)
            real = np.float64(product / float_type(scale(self.output)))
        self.require(np.isfinite(real), f"a multiplier is {real}; it must be finite")
        return real

    def require_same_type(self, *allowed: str) -> None:
        """Check that the first input has an allowed type, and that input and output match.

        Raises:
            ModelFormatError: If the type of the input is not allowed, if the output has another
                type, or if one of them is not quantized.
        """
        self.require_types(self.input(0), *allowed)
        self.require_types(self.output, self.input(0).dtype)
        self.require_quantized(self.input(0), self.output)

    def require_no_zero_points(self, *tensors: Tensor) -> None:
        """Check that the zero point of int16 tensors is 0. Other types are not checked.

        Raises:
            ModelFormatError: If an int16 tensor has another zero point.
        """
        for tensor in tensors:
            self.require(
                tensor.dtype != "int16" or not tensor.zero_points.any(),
                f"tensor {tensor.index} is int16 with zero point {tensor.zero_points[:1].tolist()}"
                "; expected 0",
            )


def scale(tensor: Tensor) -> np.float32:
    """Return the first scale of a quantized tensor."""
    return np.float32(tensor.scales[0])


def zero_point(tensor: Tensor) -> int:
    """Return the first zero point of a quantized tensor."""
    return int(tensor.zero_points[0])


def limits(tensor: Tensor) -> tuple[int, int]:
    """Return the lowest and the highest value of the type of an integer tensor."""
    info = np.iinfo(tensor.dtype)
    return int(info.min), int(info.max)


def count_elements(tensor: Tensor) -> int:
    """Count the elements of a tensor."""
    return math.prod(tensor.shape)


def make_node(
    tensors: Sequence[Tensor], position: int, operator: Operator, profile: Profile
) -> Node:
    """Make the node of an operator.

    Args:
        tensors: The tensors of the graph, by index.
        position: Index of the operator in the graph.
        operator: The operator.
        profile: Runtime whose kernels the engine reproduces.
    """
    return Node(
        index=position,
        name=operator.name,
        inputs=tuple(None if i < 0 else tensors[i] for i in operator.inputs),
        outputs=tuple(tensors[i] for i in operator.outputs),
        options=operator.options,
        profile=profile,
    )
