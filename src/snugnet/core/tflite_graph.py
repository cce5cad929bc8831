"""Tensors, operators and the graph of a .tflite file, independent of the storage format."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snugnet.core.errors import ModelFormatError

# Positions of the weights among the inputs of an operator. BATCH_MATMUL is not listed: its inputs
# are weights only if they are constants.
WEIGHT_INPUTS: dict[str, tuple[int, ...]] = {
    "CONV_2D": (1,),
    "CONV_3D": (1,),
    "DEPTHWISE_CONV_2D": (1,),
    "EMBEDDING_LOOKUP": (1,),
    "FULLY_CONNECTED": (1,),
    "RNN": (1, 2),
    "SVDF": (1, 2),
    "TRANSPOSE_CONV": (1,),
    # For each of four gates: weights of the input, then of the recurrent state.
    "UNIDIRECTIONAL_SEQUENCE_LSTM": tuple(range(1, 9)),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2),
}
# Positions of the biases; all other operators with weights have theirs at position 2.
BIAS_INPUTS: dict[str, tuple[int, ...]] = {
    "BATCH_MATMUL": (),
    "EMBEDDING_LOOKUP": (),
    "RNN": (3,),
    "SVDF": (3,),
    "TRANSPOSE_CONV": (3,),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": tuple(range(12, 16)),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (3,),
}
# Types of constants that NumPy can read as they are stored.
NUMPY_TYPES = ("float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
# Number of dimensions that an error message shows.
SHOWN_DIMENSIONS = 12

# No kernel accepts more dimensions, and no microcontroller holds more elements.
MAX_DIMENSIONS = 8
MAX_ELEMENTS = 1 << 28
# Each input becomes a field of the samples and gets a name of its own.
MAX_INPUTS = 1000

NO_SCALES = np.zeros(0, np.float32)
NO_ZERO_POINTS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file.

    Attributes:
        index: Index of the tensor in the graph.
        name: Name of the tensor, from the converter.
        shape: Size of each dimension.
        dtype: Name of the element type, for example `float32` or `int8`.
        size: Size of the constant data in bytes; 0 for activations.
        values: Constant data; None for activations and for types that NumPy does not have.
        scales: Quantization scales, float32: none, one for the tensor, or one for each channel.
        zero_points: Zero points, int64, one for each scale.
        axis: Dimension of the channels, if there is one scale for each channel.
        variable: Whether the tensor keeps its values from one invocation to the next.
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
        name: Name in the TFLite schema, for example `CONV_2D`.
        inputs: Indices of the input tensors; -1 for an optional input that is absent.
        outputs: Indices of the output tensors.
        options: Builtin options under their names in the schema; numbers and lists of numbers.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """The main subgraph of a .tflite file.

    Attributes:
        tensors: All tensors; the position of a tensor is its index.
        operators: All operators, in order of execution.
        inputs: Indices of the input tensors.
        outputs: Indices of the output tensors.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def weights(self) -> list[tuple[Operator, Tensor]]:
        """List the operators that have weights, with their weight tensors.

        In a float16 file, a DEQUANTIZE operator reads the weights. The list then has the stored
        float16 tensor.

        Returns:
            Pairs of operator and weight tensor, in order of execution.
        """
        source = {op.outputs[0]: op.inputs[0] for op in self.operators if op.name == "DEQUANTIZE"}
        pairs = []
        for operator in self.operators:
            for position in self._weight_positions(operator):
                index = operator.inputs[position]
                pairs.append((operator, self.tensors[source.get(index, index)]))
        return pairs

    def biases(self) -> list[tuple[Operator, Tensor]]:
        """List the operators that have biases, with their bias tensors."""
        return [
            (operator, self.tensors[operator.inputs[position]])
            for operator in self.operators
            if list(self._weight_positions(operator))
            for position in BIAS_INPUTS.get(operator.name, (2,))
            if position < len(operator.inputs) and operator.inputs[position] >= 0
        ]

    def _weight_positions(self, operator: Operator) -> Iterator[int]:
        """Yield the positions of the weights among the inputs of an operator."""
        positions = WEIGHT_INPUTS.get(operator.name, ())
        if operator.name == "BATCH_MATMUL":
            is_constant = [self.tensors[index].size > 0 for index in operator.inputs]
            positions = tuple(i for i, constant in enumerate(is_constant) if constant)
        for position in positions:
            if position < len(operator.inputs) and operator.inputs[position] >= 0:
                yield position

    def check(self) -> None:
        """Check that the graph is consistent.

        Raises:
            ModelFormatError: If there are too many inputs, if a shape is negative or too large, if
                scales are negative or not finite, if the number of scales differs from the number
                of channels, or if a tensor index is out of range.
        """
        if len(self.inputs) > MAX_INPUTS:
            raise ModelFormatError(
                f"the file has {len(self.inputs):,} inputs; the maximum is {MAX_INPUTS:,}. Join "
                "inputs to one tensor."
            )
        for tensor in self.tensors:
            _check_shape(tensor)
            _check_scales(tensor)
        indices = {*self.inputs, *self.outputs}
        for operator in self.operators:
            indices |= {*operator.outputs, *(i for i in operator.inputs if i != -1)}
        if invalid := sorted(i for i in indices if not 0 <= i < len(self.tensors)):
            raise ModelFormatError(
                f"tensor index out of range: {invalid[:5]}; "
                f"the file has {len(self.tensors)} tensors"
            )


def _check_shape(tensor: Tensor) -> None:
    shape = tensor.shape
    is_wrong = len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0
    if is_wrong or math.prod(shape) > MAX_ELEMENTS:
        shown = ", ".join(map(str, shape[:SHOWN_DIMENSIONS]))
        more = f", … ({len(shape)} dimensions)" if len(shape) > SHOWN_DIMENSIONS else ""
        raise ModelFormatError(
            f"tensor {tensor.index} has shape [{shown}{more}]; the maximum is {MAX_DIMENSIONS} "
            f"dimensions and {MAX_ELEMENTS} elements"
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
