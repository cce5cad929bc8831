"""How far every tensor of a full-integer file is from the float model's, layer after layer.

Other than TensorFlow's debugger, this takes files of any origin, those with trained ranges too, and
lets errors accumulate: each tensor is compared with what the float model computes from the same
samples, so that an error stays visible in all layers after the one that made it.
"""

import math
import re
from collections.abc import Callable, Collection, Hashable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from snugnet.core.errors import InputError
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
from snugnet.tflite.runtimes.litert import dequantize, quantize_for

# What the row of the input has in place of an operator, and its index.
INPUT, BEFORE_ALL = "INPUT", -1
# As in the schema's enumeration of fused activations.
RELU = 1
# What training with quantizers puts before the name of each layer.
QUANTIZER = re.compile(r"(?<![^/;])quant_")


def trace(integer: str | Path, real: str | Path, x: np.ndarray) -> list[dict[str, Any]]:
    """Compare the tensors of two files.

    Args:
        integer: A full-integer file with an integer input, which the integer engine computes.
        real: The float32 file of the same network, which LiteRT computes.
        x: Samples in real units, (n, ...).

    Returns:
        One row a tensor, the input first, then in the order of the float file: `index`, `operator`
        and `tensor` as in `Layer`; `n` samples; `num_elements` of one of them; `scale`,
        `zero_point`; `stddev`, `mean_error`, `max_abs_error` and `mean_squared_error` of the
        integer's real value less the float value, over all samples, in the units of the tensor;
        `rmse_per_scale`; `sqnr_db`, the power of the float values over that of the error in
        decibels, None where either is 0; `saturated`, the share of values at a limit of their type
        whose float value lies beyond what the type covers; `range_covered`. Tensors without a
        counterpart are left out, and printed.

    Raises:
        InputError: If there are no samples.
        ModelFormatError: If a file is damaged, or the engine refuses it.
    """
    if len(x) == 0:
        raise InputError(f"{integer}: no samples to trace")
    ours, theirs = read_graph(integer), read_graph(real)
    given = quantize_for(integer, x)
    integers = Model(ours).trace(given)
    reals = _computed(real, theirs, x)
    start = Layer(BEFORE_ALL, INPUT, theirs.tensors[theirs.inputs[0]].name)
    return [
        _row(start, ours.tensors[ours.inputs[0]], given, x),
        *(
            _row(layer, ours.tensors[mine], integers[mine], reals[other])
            for layer, mine, other in _pairs(ours, theirs)
        ),
    ]


def _computed(path: str | Path, graph: Graph, x: np.ndarray) -> dict[int, np.ndarray]:
    """Compute every tensor that an operator of a float32 file writes, (n, ...), by index."""
    interpreter = Interpreter(
        model_path=str(path),
        num_threads=1,
        # Tensors within a delegate are never written.
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    written = [i for operator in graph.operators for i in operator.outputs]
    parts: dict[int, list[np.ndarray]] = {index: [] for index in written}
    with progress(len(x), "computing in float") as meter:
        for i in range(len(x)):
            interpreter.set_tensor(graph.inputs[0], x[i : i + 1].astype(np.float32))
            interpreter.invoke()
            for index, part in parts.items():
                part.append(interpreter.get_tensor(index))
            meter.update(1)
    return {index: np.concatenate(part) for index, part in parts.items()}


def _pairs(ours: Graph, theirs: Graph) -> list[tuple[Layer, int, int]]:
    """Match outputs of operators; give layers with the indices of both tensors, in float's order.

    First by name, but for what training with quantizers puts into names; the others by their place
    among operators of one kind, if there are as many in both files.
    """
    found: dict[int, int] = {}
    for key in (_by_name, _by_kind, _by_range):
        mine = _grouped(ours, key, found.values())
        for alike, places in _grouped(theirs, key, found).items():
            if len(places) == len(mine.get(alike, ())):
                found |= dict(zip(places, mine[alike], strict=True))
    _print_unmatched(theirs, found)
    _print_unmatched(ours, found.values())
    layers, made, wanted = list_layers(theirs), list_operators(ours), list_operators(theirs)
    return [
        (layers[place], made[found[place]].outputs[0], wanted[place].outputs[0])
        for place in sorted(found)
    ]


def _grouped(
    graph: Graph, key: Callable[[Graph, Operator], Hashable], matched: Collection[int]
) -> dict[Hashable, list[int]]:
    """Group the places of operators that are not matched yet by what tells them apart."""
    groups: dict[Hashable, list[int]] = {}
    for place, operator in enumerate(list_operators(graph)):
        if place not in matched:
            groups.setdefault(key(graph, operator), []).append(place)
    return groups


def _print_unmatched(graph: Graph, matched: Collection[int]) -> None:
    for place, operator in enumerate(list_operators(graph)):
        if place not in matched:
            name = graph.tensors[operator.outputs[0]].name
            print(
                f"warning: {operator.name} {name!r} has no counterpart in the other file; skipped"
            )


def _by_name(graph: Graph, operator: Operator) -> Hashable:
    name = graph.tensors[operator.outputs[0]].name
    return QUANTIZER.sub("", name), _by_kind(graph, operator)


def _by_kind(graph: Graph, operator: Operator) -> Hashable:
    """Tell operators apart that compute different things: kind, activation, shape of the output."""
    activation = operator.options.get("fusedActivationFunction", 0)
    return operator.name, activation, graph.tensors[operator.outputs[0]].shape


def _by_range(graph: Graph, operator: Operator) -> Hashable:
    """Tell apart as above, but take a range of integers that ends at 0 for the ReLU that it is."""
    tensor = graph.tensors[operator.outputs[0]]
    if len(tensor.zero_points):
        clipped = int(tensor.zero_points[0]) == np.iinfo(tensor.dtype).min
    else:
        clipped = operator.options.get("fusedActivationFunction", 0) == RELU
    return operator.name, clipped, tensor.shape


def _row(layer: Layer, tensor: Tensor, raw: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    """Compare the values of a tensor, (n, ...), with real ones of as many elements."""
    scale, zero_point = float(tensor.scales[0]), int(tensor.zero_points[0])
    truth = real.astype(np.float64).ravel()
    error = dequantize(raw, scale, zero_point).astype(np.float64).ravel() - truth
    squared = float(np.mean(error**2))
    power = float(np.mean(truth**2))
    return {
        **asdict(layer),
        "n": len(raw),
        "num_elements": math.prod(tensor.shape),
        "scale": scale,
        "zero_point": zero_point,
        "stddev": float(error.std()),
        "mean_error": float(error.mean()),
        "max_abs_error": float(np.abs(error).max()),
        "mean_squared_error": squared,
        "rmse_per_scale": compute_rmse_per_scale(squared, scale),
        "sqnr_db": 10 * math.log10(power / squared) if power and squared else None,
        "saturated": _saturated(raw.ravel(), truth, scale, zero_point),
        "range_covered": compute_range_covered(
            float(truth.min()), float(truth.max()), scale, zero_point, tensor.dtype
        ),
    }


def _saturated(raw: np.ndarray, truth: np.ndarray, scale: float, zero_point: int) -> float:
    info = np.iinfo(raw.dtype)
    below = (raw == info.min) & (truth < scale * (info.min - zero_point - 0.5))
    above = (raw == info.max) & (truth > scale * (info.max - zero_point + 0.5))
    return float(np.mean(below | above))
