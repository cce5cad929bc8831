"""Measure the quantization error of every tensor of a full-integer file, layer by layer.

Unlike TensorFlow's debugger, this accepts files of any origin, including files with trained ranges.
It lets errors accumulate: each tensor is compared with the same tensor of the float model for the
same samples. An error therefore stays visible in all layers after the layer that causes it.
"""

import math
import re
from collections.abc import Callable, Collection, Hashable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from snugnet.core.affine import dequantize
from snugnet.core.errors import InputError
from snugnet.core.inputs import list_graph_inputs, order_inputs, split_inputs
from snugnet.core.progress import progress
from snugnet.core.tflite_graph import Graph, Operator, Tensor
from snugnet.int8.engine import Model
from snugnet.tflite.flatbuffer import read_graph
from snugnet.tflite.layers import (
    Layer,
    compute_range_covered,
    compute_rmse_per_scale,
    list_layers,
    list_operators,
)
from snugnet.tflite.model_file import ModelFile
from snugnet.tflite.runtimes.custom_operators import refuse_tensorflow_operators

# Operator and index in the row of the model's input, which no operator computes.
INPUT, BEFORE_ALL = "INPUT", -1
# Value of RELU in the schema's enumeration of fused activations.
RELU = 1
# Prefix that QAT adds to the name of each layer.
QUANTIZER = re.compile(r"(?<![^/;])quant_")


@dataclass(frozen=True)
class TensorError:
    """Quantization error of a tensor over all samples: a row of trace.csv.

    Errors are the dequantized integers less the float values, in the units of the tensor.

    Attributes:
        layer: Layer that computes the tensor; for an input, index -1 and operator `INPUT`.
        n: Number of samples.
        num_elements: Number of elements of one sample.
        scale: Scale of the tensor.
        zero_point: Zero point of the tensor.
        stddev: Standard deviation of the error.
        mean_error: Mean error.
        max_abs_error: Maximum absolute error.
        mean_squared_error: Mean squared error.
        rmse_per_scale: See `compute_rmse_per_scale`; None if the scale is 0.
        sqnr_db: Power of the float values over the power of the error, in decibels; None if either
            is 0.
        saturated: Share of values at a limit of their type whose float value is outside the range
            of the type.
        range_covered: See `compute_range_covered`.
    """

    layer: Layer
    n: int
    num_elements: int
    scale: float
    zero_point: int
    stddev: float
    mean_error: float
    max_abs_error: float
    mean_squared_error: float
    rmse_per_scale: float | None
    sqnr_db: float | None
    saturated: float
    range_covered: float

    def to_columns(self) -> dict[str, Any]:
        """Return the values by column of trace.csv."""
        values = asdict(self)
        return {**values.pop("layer"), **values}


def measure_layer_errors(
    integer_path: str | Path, float_path: str | Path, x: np.ndarray
) -> list[TensorError]:
    """Compare the tensors of a full-integer file with those of the float32 file.

    Args:
        integer_path: A full-integer file with an integer input. The integer engine computes it.
        float_path: The float32 file of the same network. LiteRT computes it.
        x: Samples in real units, (n, ...).

    Returns:
        The errors of all tensors: first the inputs, then the order of the float file. Tensors
        without a counterpart in the other file are left out, with a printed warning.

    Raises:
        InputError: If there are no samples.
        ModelFormatError: If a file is damaged, or the engine does not support it.
    """
    if len(x) == 0:
        raise InputError(f"{integer_path}: no samples to trace")
    file, float_graph = ModelFile.read(integer_path), read_graph(float_path)
    integer_graph, quantized_x = file.graph, file.quantize_input(x)
    integer_values = Model(integer_graph).trace(quantized_x)
    float_values = _compute_float_tensors(float_path, float_graph, x)
    errors = _compute_input_errors(integer_graph, float_graph, quantized_x, x)
    for layer, integer_index, float_index in _match_tensors(integer_graph, float_graph):
        tensor = integer_graph.tensors[integer_index]
        errors.append(
            _compute_error(layer, tensor, integer_values[integer_index], float_values[float_index])
        )
    return errors


def _compute_input_errors(
    integer_graph: Graph, float_graph: Graph, quantized_x: np.ndarray, x: np.ndarray
) -> list[TensorError]:
    """Compute the errors of quantizing the inputs themselves."""
    raw_arrays = split_inputs(quantized_x).values()
    float_arrays = order_inputs(x, list_graph_inputs(integer_graph), "the samples")
    ends = zip(integer_graph.inputs, float_graph.inputs, raw_arrays, float_arrays, strict=True)
    return [
        _compute_error(
            Layer(BEFORE_ALL, INPUT, float_graph.tensors[float_index].name),
            integer_graph.tensors[integer_index],
            raw,
            values,
        )
        for integer_index, float_index, raw, values in ends
    ]


def _compute_float_tensors(path: str | Path, graph: Graph, x: np.ndarray) -> dict[int, np.ndarray]:
    """Compute the output tensors, (n, ...), of all operators of a float32 file, by index."""
    refuse_tensorflow_operators(Path(path).read_bytes(), str(path))
    interpreter = Interpreter(
        model_path=str(path),
        num_threads=1,
        # A delegate does not store its inner tensors.
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    outputs = [index for operator in graph.operators for index in operator.outputs]
    parts: dict[int, list[np.ndarray]] = {index: [] for index in outputs}
    arrays = order_inputs(x, list_graph_inputs(graph), str(path))
    with progress(len(x), "computing in float") as meter:
        for i in range(len(x)):
            for index, array in zip(graph.inputs, arrays, strict=True):
                interpreter.set_tensor(index, array[i : i + 1].astype(np.float32))
            interpreter.invoke()
            for index, part in parts.items():
                part.append(interpreter.get_tensor(index))
            meter.update(1)
    return {index: np.concatenate(part) for index, part in parts.items()}


def _match_tensors(integer_graph: Graph, float_graph: Graph) -> list[tuple[Layer, int, int]]:
    """Match the outputs of the operators of both files.

    Operators are matched by name, without the prefixes that QAT adds. The others are matched by
    their position among the operators with the same key, if both files have the same number of
    them.

    Returns:
        Layer, index of the integer tensor and index of the float tensor, in the order of the float
        file.
    """
    matches: dict[int, int] = {}  # position in the integer file by position in the float file
    for key in (_key_by_name, _key_by_kind, _key_by_range):
        integer_groups = _group_unmatched(integer_graph, key, matches.values())
        for value, positions in _group_unmatched(float_graph, key, matches).items():
            if len(positions) == len(integer_groups.get(value, ())):
                matches |= dict(zip(positions, integer_groups[value], strict=True))
    _print_unmatched(float_graph, matches)
    _print_unmatched(integer_graph, matches.values())
    layers = list_layers(float_graph)
    integer_operators, float_operators = list_operators(integer_graph), list_operators(float_graph)
    return [
        (
            layers[position],
            integer_operators[matches[position]].outputs[0],
            float_operators[position].outputs[0],
        )
        for position in sorted(matches)
    ]


def _group_unmatched(
    graph: Graph, key: Callable[[Graph, Operator], Hashable], matched: Collection[int]
) -> dict[Hashable, list[int]]:
    """Group the positions of operators that are not matched yet by their key."""
    groups: dict[Hashable, list[int]] = {}
    for position, operator in enumerate(list_operators(graph)):
        if position not in matched:
            groups.setdefault(key(graph, operator), []).append(position)
    return groups


def _print_unmatched(graph: Graph, matched: Collection[int]) -> None:
    for position, operator in enumerate(list_operators(graph)):
        if position not in matched:
            name = graph.tensors[operator.outputs[0]].name
            print(
                f"warning: {operator.name} {name!r} has no counterpart in the other file; skipped"
            )


def _key_by_name(graph: Graph, operator: Operator) -> Hashable:
    """Return the key of an operator by name of its output and by kind."""
    name = graph.tensors[operator.outputs[0]].name
    return QUANTIZER.sub("", name), _key_by_kind(graph, operator)


def _key_by_kind(graph: Graph, operator: Operator) -> Hashable:
    """Return the key of an operator by kind, fused activation and shape of its output."""
    activation = operator.options.get("fusedActivationFunction", 0)
    return operator.name, activation, graph.tensors[operator.outputs[0]].shape


def _key_by_range(graph: Graph, operator: Operator) -> Hashable:
    """Return the key of an operator by kind, ReLU and shape of its output.

    An integer tensor whose range begins at 0 counts as the output of a ReLU.
    """
    tensor = graph.tensors[operator.outputs[0]]
    if len(tensor.zero_points):
        clipped = int(tensor.zero_points[0]) == np.iinfo(tensor.dtype).min
    else:
        clipped = operator.options.get("fusedActivationFunction", 0) == RELU
    return operator.name, clipped, tensor.shape


def _compute_error(
    layer: Layer, tensor: Tensor, raw: np.ndarray, float_values: np.ndarray
) -> TensorError:
    """Compare the integers of a tensor, (n, ...), with float values of the same number."""
    scale, zero_point = float(tensor.scales[0]), int(tensor.zero_points[0])
    truth = float_values.astype(np.float64).ravel()
    error = dequantize(raw, scale, zero_point).astype(np.float64).ravel() - truth
    squared = float(np.mean(error**2))
    power = float(np.mean(truth**2))
    return TensorError(
        layer=layer,
        n=len(raw),
        num_elements=math.prod(tensor.shape),
        scale=scale,
        zero_point=zero_point,
        stddev=float(error.std()),
        mean_error=float(error.mean()),
        max_abs_error=float(np.abs(error).max()),
        mean_squared_error=squared,
        rmse_per_scale=compute_rmse_per_scale(squared, scale),
        sqnr_db=10 * math.log10(power / squared) if power and squared else None,
        saturated=_compute_saturated_share(raw.ravel(), truth, scale, zero_point),
        range_covered=compute_range_covered(
            float(truth.min()), float(truth.max()), scale, zero_point, tensor.dtype
        ),
    )


def _compute_saturated_share(
    raw: np.ndarray, truth: np.ndarray, scale: float, zero_point: int
) -> float:
    """Compute the share of values at a limit of their type whose float value is beyond it."""
    info = np.iinfo(raw.dtype)
    below = (raw == info.min) & (truth < scale * (info.min - zero_point - 0.5))
    above = (raw == info.max) & (truth > scale * (info.max - zero_point + 0.5))
    return float(np.mean(below | above))
