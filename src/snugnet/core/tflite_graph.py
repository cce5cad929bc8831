"""The plain graph of a .tflite file: tensors and operators, independent of how they are stored."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snugnet.core.errors import ModelFormatError

# Operators whose second input is a weight tensor.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")

# More dimensions than any kernel takes, and more elements than a microcontroller will ever hold.
MOST_DIMENSIONS, MOST_ELEMENTS = 8, 1 << 28

NO_SCALES = np.zeros(0, np.float32)
NO_ZERO_POINTS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file.

    Attributes:
        index: Its index in the subgraph.
        name: As the converter called it.
        shape: Its shape.
        dtype: `float32`, `int8`, ...
        size: Bytes of its constant data; 0 for activations.
        values: The constant data; None for activations and for types that NumPy does not have.
        scales: Quantization scales, float32: none, one for the tensor, or one a channel.
        zero_points: int64, as many.
        axis: The dimension of the channels.
        variable: Whether its values live on from one invocation to the next.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    size: int = 0
    values: np.ndarray | None = field(default=None, compare=False, repr=False)
    scales: np.ndarray = field(default_factory=lambda: NO_SCALES, compare=False)
    zero_points: np.ndarray = field(default_factory=lambda: NO_ZERO_POINTS, compare=False)
    axis: int = 0
    variable: bool = False


@dataclass(frozen=True)
class Operator:
    """An operator of the file.

    Attributes:
        name: As in the schema: `CONV_2D`, ...
        inputs: Indices of its tensors; -1 for an optional one that is absent.
        outputs: Indices of the tensors that it writes.
        options: What the schema's table of options says, by its own names; numbers and lists.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """The main subgraph of a .tflite file."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def weights(self) -> list[tuple[Operator, Tensor]]:
        """List the weighted operators with their weight tensors.

        A float16 file keeps its weights behind a DEQUANTIZE: the tensor that is stored is given.
        """
        source = {op.outputs[0]: op.inputs[0] for op in self.operators if op.name == "DEQUANTIZE"}
        found = []
        for operator in self.operators:
            if operator.name in WEIGHTED:
                index = operator.inputs[1]
                found.append((operator, self.tensors[source.get(index, index)]))
        return found

    def check(self) -> None:
        """Refuse what no runtime could make sense of.

        Raises:
            ModelFormatError: If a shape is negative or too large, scales are not finite or not as
                many as channels, or an index names no tensor.
        """
        for tensor in self.tensors:
            _check_shape(tensor)
            _check_scales(tensor)
        used = {*self.inputs, *self.outputs}
        for operator in self.operators:
            used |= {*operator.outputs, *(i for i in operator.inputs if i != -1)}
        if wrong := sorted(i for i in used if not 0 <= i < len(self.tensors)):
            raise ModelFormatError(
                f"tensor index out of range: {wrong[:5]}; the file has {len(self.tensors)}"
            )


def _check_shape(tensor: Tensor) -> None:
    shape = tensor.shape
    if (
        min(shape, default=0) < 0
        or len(shape) > MOST_DIMENSIONS
        or math.prod(shape) > MOST_ELEMENTS
    ):
        raise ModelFormatError(
            f"tensor {tensor.index} has shape {list(shape)}; the maximum is {MOST_DIMENSIONS} "
            f"dimensions and {MOST_ELEMENTS} elements"
        )


def _check_scales(tensor: Tensor) -> None:
    scales, shape, axis = tensor.scales, tensor.shape, tensor.axis
    if not (np.isfinite(scales).all() and (scales >= 0).all()):
        raise ModelFormatError(f"tensor {tensor.index} has negative or non-finite scales")
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        raise ModelFormatError(
            f"tensor {tensor.index} of shape {list(shape)} has {len(scales)} scales in dimension "
            f"{axis}"
        )
