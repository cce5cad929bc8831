"""The layers of a .tflite file, and how far numbers are from what their integers stand for."""

import math
from dataclasses import dataclass

import numpy as np

from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_graph import Graph, Operator

# Operators between the types, which a converter puts in where it needs them.
BOUNDARY = ("QUANTIZE", "DEQUANTIZE")
# Operators that choose or order numbers and make no new ones: quantized or not, it is the same.
MOVING = frozenset(
    "MAX_POOL_2D RESHAPE TRANSPOSE SQUEEZE EXPAND_DIMS SLICE STRIDED_SLICE SPLIT PAD".split()
)


@dataclass(frozen=True, order=True)
class Layer:
    """An operator of a network, whatever type it computes in.

    Attributes:
        index: Its place in the float32 file, which has neither QUANTIZE nor DEQUANTIZE; the same
            in all files that are converted from one model.
        operator: As in the schema: `CONV_2D`, ...
        tensor: The name of its output in the float32 file.
    """

    index: int
    operator: str
    tensor: str


def operators_of(graph: Graph) -> list[Operator]:
    """List the operators without those between the types."""
    return [operator for operator in graph.operators if operator.name not in BOUNDARY]


def layers_of(graph: Graph) -> list[Layer]:
    """List the layers of a float32 file."""
    return [
        Layer(index, operator.name, graph.tensors[operator.outputs[0]].name)
        for index, operator in enumerate(operators_of(graph))
    ]


def in_float(graph: Graph) -> list[str]:
    """Name the tensors that operators compute in float32."""
    written = [graph.tensors[operator.outputs[0]] for operator in operators_of(graph)]
    return [tensor.name for tensor in written if tensor.dtype == "float32"]


def producers(graph: Graph) -> list[list[int]]:
    """Tell for each layer whose outputs it reads, by their places; -1 is the network's input.

    Raises:
        ModelFormatError: If a tensor is read that nothing has written.
    """
    source = dict.fromkeys(graph.inputs, -1)
    found: list[list[int]] = []
    for operator in graph.operators:
        read = [i for i in operator.inputs if i >= 0 and graph.tensors[i].values is None]
        if unknown := [i for i in read if i not in source]:
            raise ModelFormatError(f"tensors {unknown} are read before any operator writes them")
        between = operator.name in BOUNDARY
        source |= dict.fromkeys(operator.outputs, source[read[0]] if between else len(found))
        if not between:
            found.append([source[i] for i in read])
    return found


def range_covered(low: float, high: float, scale: float, zero_point: int, dtype: str) -> float:
    """Tell which share of a range an integer type covers.

    Covered is what is rounded rather than saturated: from half a step below the least integer to
    half a step above the greatest.

    Args:
        low: Least number that occurs.
        high: Greatest number that occurs.
        scale: Of the integers.
        zero_point: Of the integers.
        dtype: Their type.

    Returns:
        0..1: the length of the covered part of [low, high] over its whole length; if it is a
        single number, whether that is covered.
    """
    info = np.iinfo(dtype)
    least = scale * (info.min - zero_point - 0.5)
    greatest = scale * (info.max - zero_point + 0.5)
    if high <= low:
        return float(least <= low <= greatest)
    return max(0.0, min(high, greatest) - max(low, least)) / (high - low)


def rmse_per_scale(mean_squared_error: float, scale: float) -> float | None:
    """Give the root mean squared error in steps; 1 / sqrt(12) = 0.289 where all error is rounding.

    That is the standard deviation of a number that is equally likely anywhere within a step
    (Widrow, Kollár and Liu 1996, "Statistical theory of quantization"). None without a scale.
    """
    return math.sqrt(mean_squared_error) / scale if scale > 0 else None
