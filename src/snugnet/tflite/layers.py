"""Layers of a .tflite file, and measures of the quantization error of a tensor."""

import math
from dataclasses import dataclass

import numpy as np

from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_graph import Graph, Operator

# Operators that convert between types. The converter inserts them where it needs them.
BOUNDARY = ("QUANTIZE", "DEQUANTIZE")
# Operators that select or reorder values. They compute no new values, and quantization does not
# change them.
DATA_MOVEMENT = frozenset(
    {
        "EXPAND_DIMS",
        "MAX_POOL_2D",
        "PAD",
        "RESHAPE",
        "SLICE",
        "SPLIT",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TRANSPOSE",
        "UNPACK",
    }
)


@dataclass(frozen=True, order=True)
class Layer:
    """An operator of a network, in float or integer.

    Attributes:
        index: Index of the operator, where QUANTIZE and DEQUANTIZE are not counted. It is the same
            in all files that are converted from one model.
        operator: Name of the operator in the schema: `CONV_2D`, ...
        tensor: Name of its output tensor in the float32 file.
    """

    index: int
    operator: str
    tensor: str


def list_operators(graph: Graph) -> list[Operator]:
    """List the operators of a file without QUANTIZE, DEQUANTIZE and those that compute nothing.

    Args:
        graph: Graph of the file.

    Returns:
        The operators in the order of the file.
    """
    return [
        operator
        for operator in graph.operators
        if operator.name not in BOUNDARY and operator.outputs
    ]


def list_layers(graph: Graph) -> list[Layer]:
    """List the layers of a float32 file.

    Args:
        graph: Graph of the file.

    Returns:
        The layers in the order of the file.
    """
    return [
        Layer(index, operator.name, graph.tensors[operator.outputs[0]].name)
        for index, operator in enumerate(list_operators(graph))
    ]


def list_float_tensors(graph: Graph) -> list[str]:
    """List the tensors that operators compute in float32.

    Args:
        graph: Graph of the file.

    Returns:
        Names of the tensors, in the order of the operators. QUANTIZE and DEQUANTIZE do not count.
    """
    outputs = [graph.tensors[operator.outputs[0]] for operator in list_operators(graph)]
    return [tensor.name for tensor in outputs if tensor.dtype == "float32"]


def find_producers(graph: Graph) -> list[list[int]]:
    """Find, for each layer, the layers that compute its inputs.

    Args:
        graph: Graph of the file.

    Returns:
        For each layer, one index of a layer per input; -1 for the input of the network.

    Raises:
        ModelFormatError: If an operator reads a tensor before another operator writes it, or reads
            none where it needs one.
    """
    # Index of the layer that computes a tensor, by index of the tensor.
    source = dict.fromkeys(graph.inputs, -1)
    producers: list[list[int]] = []
    for operator in graph.operators:
        inputs = [i for i in operator.inputs if i >= 0 and graph.tensors[i].values is None]
        if unknown := [i for i in inputs if i not in source]:
            raise ModelFormatError(f"tensors {unknown} are read before any operator writes them")
        if not operator.outputs:
            continue
        if operator.name in BOUNDARY:
            if not inputs:
                raise ModelFormatError(f"an operator {operator.name} has no input")
            source |= dict.fromkeys(operator.outputs, source[inputs[0]])
        else:
            source |= dict.fromkeys(operator.outputs, len(producers))
            producers.append([source[i] for i in inputs])
    return producers


def compute_range_covered(
    low: float, high: float, scale: float, zero_point: int, dtype: str
) -> float:
    """Compute the share of a range that an integer type can represent without saturation.

    Values are rounded rather than saturated from half a step below the smallest integer to half a
    step above the largest one.

    Args:
        low: Smallest value that occurs.
        high: Largest value that occurs.
        scale: Scale of the tensor.
        zero_point: Zero point of the tensor.
        dtype: Integer type of the tensor.

    Returns:
        Length of the covered part of [low, high], divided by the length of [low, high]: 0..1. If
        `low` and `high` are equal: 1 if the value is covered, else 0.
    """
    info = np.iinfo(dtype)
    smallest = scale * (info.min - zero_point - 0.5)
    largest = scale * (info.max - zero_point + 0.5)
    if high <= low:
        return float(smallest <= low <= largest)
    return max(0.0, min(high, largest) - max(low, smallest)) / (high - low)


def compute_rmse_per_scale(mean_squared_error: float, scale: float) -> float | None:
    """Compute the root mean squared error (RMSE) in quantization steps.

    It is 1 / sqrt(12) = 0.289 if rounding is the only error: the standard deviation of a uniform
    distribution over one step (Widrow, Kollár and Liu 1996, "Statistical theory of quantization").

    Args:
        mean_squared_error: Mean squared error, in the units of the tensor squared.
        scale: Scale of the tensor, in the units of the tensor.

    Returns:
        RMSE divided by the scale; None if the scale is 0.
    """
    return math.sqrt(mean_squared_error) / scale if scale > 0 else None
