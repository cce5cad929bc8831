"""An operator in its graph, as the modules of `ops` see it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_graph import Tensor


class Profile(StrEnum):
    """Whose kernels are reproduced.

    `litert_ref` are the reference kernels of ai-edge-litert 2.3.0 (`OpResolverType.BUILTIN_REF`),
    `tflm` those of TensorFlow Lite Micro, portable build (wheel 0.dev20261023182759).
    """

    LITERT_REF = "litert_ref"
    TFLM = "tflm"


# What an operator does at run time: one array an input, each with a leading axis of invocations
# (of length 1 for constants) before the shape of its tensor; None for an absent one.
Run = Callable[..., Any]
# Lines of arithmetic for one element of the first output: the arrays of one invocation, its index.
Explain = Callable[[Sequence[Any], tuple[int, ...]], list[tuple[str, Any]]]


@dataclass(frozen=True)
class Kernel:
    """An operator ready to run.

    Attributes:
        run: Gives the array of the one output, or a list of them, each with the leading axis.
        explain: Tells how one element came about; None where the output is a mere copy.
    """

    run: Run
    explain: Explain | None = None


@dataclass(frozen=True)
class Node:
    """An operator with its tensors.

    Attributes:
        index: Of the operator in the graph.
        name: As in the schema.
        inputs: None for an absent one; those that are known beforehand have `values`.
        outputs: What it writes.
        options: By the schema's names.
        profile: Whose kernels are reproduced.
    """

    index: int
    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, Any]
    profile: Profile

    def error(self, message: str) -> ModelFormatError:
        """Make an error that says where."""
        return ModelFormatError(f"operator {self.index} {self.name}: {message}")

    @property
    def tflm(self) -> bool:
        """Whether TensorFlow Lite Micro is reproduced."""
        return self.profile is Profile.TFLM

    def input(self, place: int) -> Tensor:
        """Give an input that must be there."""
        tensor = self.optional(place)
        if tensor is None:
            raise self.error(f"input {place} is missing")
        return tensor

    def optional(self, place: int) -> Tensor | None:
        """Give an input, or None if there is none."""
        return self.inputs[place] if place < len(self.inputs) else None

    @property
    def output(self) -> Tensor:
        """The first output."""
        if not self.outputs:
            raise self.error("has no output")
        return self.outputs[0]

    def constant(self, place: int) -> np.ndarray:
        """Give the values of an input that must be known beforehand."""
        values = self.input(place).values
        if values is None:
            raise self.error(f"input {place} must be a constant")
        return values

    def integers(self, place: int) -> list[int]:
        """Give a constant list of int32 or int64 numbers."""
        if self.input(place).dtype not in ("int32", "int64"):
            raise self.error(f"input {place} is {self.input(place).dtype}; allowed: int32, int64")
        return [int(n) for n in self.constant(place).ravel()]

    def option(self, name: str, default: Any = 0) -> Any:
        """Give an option; the default if the operator has no table of options."""
        return self.options.get(name, default)

    def require(self, truth: Any, message: str) -> None:
        """Refuse what a kernel refuses, or what cannot be computed.

        Raises:
            ModelFormatError: With the message, if `truth` is not.
        """
        if not truth:
            raise self.error(message)

    def require_types(self, tensor: Tensor, *allowed: str) -> None:
        """Refuse other types than those.

        Raises:
            ModelFormatError: Naming tensor, type and what is allowed.
        """
        self.require(
            tensor.dtype in allowed,
            f"tensor {tensor.index} is {tensor.dtype}; allowed: {', '.join(allowed)}",
        )

    def require_shape(self, tensor: Tensor, shape: Sequence[int]) -> None:
        """Refuse a tensor whose shape in the file is not the one that follows from the operator.

        Raises:
            ModelFormatError: With both shapes.
        """
        self.require(
            tensor.shape == tuple(shape),
            f"tensor {tensor.index} has shape {list(tensor.shape)}; expected {list(shape)}",
        )

    def require_quantized(self, *tensors: Tensor) -> None:
        """Refuse tensors that are not quantized with one scale above 0.

        Raises:
            ModelFormatError: Naming the tensor.
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
        """Refuse tensors whose scale or zero point is not that of the first output.

        Raises:
            ModelFormatError: Naming the tensor.
        """
        for tensor in tensors:
            self.require(
                np.array_equal(tensor.scales, self.output.scales)
                and np.array_equal(tensor.zero_points, self.output.zero_points),
                f"tensor {tensor.index} must have the scale and zero point of the output",
            )

    def ratio(self, *factors: Any) -> np.float64:
        """Divide a product by the output's scale, as the operators do that have no weights.

        `litert_ref` computes it in float32, `tflm` in float64.

        Raises:
            ModelFormatError: If it is not finite.
        """
        kind = np.float64 if self.tflm else np.float32
        with np.errstate(over="ignore", invalid="ignore"):
            product = kind(factors[0])
            for factor in factors[1:]:
                product = product * kind(factor)
            real = np.float64(product / kind(scale(self.output)))
        self.require(np.isfinite(real), f"a multiplier is {real}; it must be finite")
        return real

    def require_alike(self, *allowed: str) -> None:
        """Refuse a first input of another type, an output of another, or one not quantized.

        Raises:
            ModelFormatError: Naming the tensor.
        """
        self.require_types(self.input(0), *allowed)
        self.require_types(self.output, self.input(0).dtype)
        self.require_quantized(self.input(0), self.output)

    def require_no_zero_points(self, *tensors: Tensor) -> None:
        """Refuse int16 tensors whose zero point is not 0.

        Raises:
            ModelFormatError: Naming the tensor.
        """
        for tensor in tensors:
            self.require(
                tensor.dtype != "int16" or not tensor.zero_points.any(),
                f"tensor {tensor.index} is int16 with zero point {tensor.zero_points[:1].tolist()}"
                "; expected 0",
            )


def scale(tensor: Tensor) -> np.float32:
    """Give the scale of a tensor that has one."""
    return np.float32(tensor.scales[0])


def zero_point(tensor: Tensor) -> int:
    """Give the zero point of a tensor that has one."""
    return int(tensor.zero_points[0])


def limits(tensor: Tensor) -> tuple[int, int]:
    """Give the range of an integer tensor's type."""
    info = np.iinfo(tensor.dtype)
    return int(info.min), int(info.max)


def elements(tensor: Tensor) -> int:
    """Count the elements of a tensor."""
    return math.prod(tensor.shape)
