"""What TensorFlow's own debugger tells of a quantization, and files that compute partly in float.

`tf.lite.experimental.QuantizationDebugger` computes each operator twice, in int8 and in float32,
from the same inputs, and compares the two: errors do not accumulate from layer to layer.
"""

import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.errors import ModelFormatError
from snugnet.core.tflite_graph import Graph, Operator
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.models.loading.keras2 import tf, tf_keras
from snugnet.tflite.convert import converter_of, one_by_one
from snugnet.tflite.flatbuffer import read_graph
from snugnet.tflite.layers import (
    MOVING,
    Layer,
    layers_of,
    operators_of,
    producers,
    range_covered,
    rmse_per_scale,
)
from snugnet.tflite.refusals import unless_refused

# Of how many samples statistics are taken; ranges are estimated from all.
MOST_SAMPLES = 100
# What a file has in place of the debugger's own operator, which compares two tensors.
COMPARING = "CUSTOM"
METRICS = ("stddev", "mean_error", "max_abs_error", "mean_squared_error")


def layer_statistics(model: tf_keras.Model, calibration: np.ndarray) -> list[dict[str, Any]]:
    """Let TensorFlow's debugger measure what each operator loses in int8.

    Args:
        model: An uncompiled Keras model without quantizers, with one input and one output.
        calibration: Inputs, (n, ...): all estimate ranges, the first `MOST_SAMPLES` are measured.

    Returns:
        One row a tensor that the debugger compares, in the order of the file: `index`, `operator`
        and `tensor` as in `Layer`; `num_elements` of one sample; `stddev`, `mean_error`,
        `max_abs_error` and `mean_squared_error` of the int8 value less the float value, in the
        units of the tensor, of each sample and then averaged over samples, as TensorFlow does it;
        `scale`, `zero_point`; `rmse_per_scale`; `range_covered`, of the range of the float values.

    Raises:
        InputError: If there are no samples.
        ModelFormatError: If the debugger's operators are not those of the file.
    """
    prepared = _prepared(model, calibration)
    remaining = iter(layers_of(_graph(prepared.calibrated_model)))
    file = prepared.get_debug_quantized_model()
    statistics, ranges = _run(file, calibration[:MOST_SAMPLES])
    graph = _graph(file)
    writer = {i: operator.name for operator in graph.operators for i in operator.outputs}
    rows: list[dict[str, Any]] = []
    for comparing in (operator for operator in graph.operators if operator.name == COMPARING):
        # The order of operators stays; the names of tensors get digits appended, or are new.
        kind = writer[comparing.inputs[0]]
        layer = next((layer for layer in remaining if layer.operator == kind), None)
        if layer is None:
            raise ModelFormatError(
                f"the debugger reports a {kind} that the float32 file does not have"
            )
        rows.append(_row(layer, graph, comparing, statistics, ranges[len(rows)]))
    return rows


def _run(file: bytes, samples: np.ndarray) -> tuple[dict[str, dict[str, float]], np.ndarray]:
    """Run a file with comparisons in it.

    Returns:
        TensorFlow's statistics by the names of what comparisons write; and (comparisons in the
        order of the file, 2), the least and the greatest float value.
    """
    seen: list[tuple[float, float]] = []

    def record(real: np.ndarray, *_: Any) -> float:
        seen.append((float(real.min()), float(real.max())))
        return 0.0

    # Made from bytes, a debugger keeps all tensors; made from a converter it does not, and would
    # read float values where later operators have written.
    debugger = tf.lite.experimental.QuantizationDebugger(
        quant_debug_model_content=file,
        debug_dataset=lambda: one_by_one(samples, "comparing"),
        debug_options=tf.lite.experimental.QuantizationDebugOptions(
            layer_direct_compare_metrics={"range": record}
        ),
    )
    debugger.run()
    low, high = np.array(seen).reshape(len(samples), -1, 2).transpose(2, 0, 1)
    return debugger.layer_statistics, np.stack([low.min(axis=0), high.max(axis=0)], axis=1)


def _row(
    layer: Layer,
    graph: Graph,
    comparing: Operator,
    statistics: dict[str, dict[str, float]],
    ends: np.ndarray,
) -> dict[str, Any]:
    """Make the row of a comparison; `ends` are those of the range of its float values."""
    integers = graph.tensors[comparing.inputs[0]]
    found = statistics[graph.tensors[comparing.outputs[0]].name]
    scale, zero_point = float(integers.scales[0]), int(integers.zero_points[0])
    low, high = ends.tolist()
    return {
        **asdict(layer),
        "num_elements": int(found["num_elements"]),
        **{name: float(found[name]) for name in METRICS},
        "scale": scale,
        "zero_point": zero_point,
        "rmse_per_scale": rmse_per_scale(float(found["mean_squared_error"]), scale),
        "range_covered": range_covered(low, high, scale, zero_point, integers.dtype),
    }


def partly_in_float(
    model: tf_keras.Model, calibration: np.ndarray
) -> tuple[list[Layer], Callable[[Collection[str]], bytes]]:
    """Prepare to leave operators in float; ranges are estimated once for all files.

    Args:
        model: An uncompiled Keras model without quantizers, with one input and one output.
        calibration: Inputs that estimate activation ranges, (n, ...).

    Returns:
        The layers that can be left in float, in the order of the file; those that only move
        numbers, which quantization does not change, are not among them. And a function from names
        of their tensors to a file with float32 input and output in which these compute in float32
        and the others in int8. Where two layers are joined by one that only moves numbers, that
        one is in float as the layer before it is.

    Raises:
        InputError: If there are no samples.
        ModelFormatError: By the function, if other operators than these compute in float.
    """
    choice = _Choice(_prepared(model, calibration))
    return [layer for layer in choice.layers if choice.possible(layer)], choice.convert


class _Choice:
    """A calibrated model, of which files with any of its operators in float can be made."""

    def __init__(self, debugger: Any) -> None:
        self._debugger = debugger
        graph = _graph(debugger.calibrated_model)
        self._all = layers_of(graph)
        self._producers = producers(graph)
        self.layers = [layer for layer in self._all if layer.operator not in MOVING]
        self._files: dict[frozenset[str], bytes] = {}

    def possible(self, layer: Layer) -> bool:
        """Tell whether a layer alone can be left in float; the log has those that cannot."""
        return unless_refused(self.convert, [layer.tensor]) is not None

    def convert(self, names: Collection[str]) -> bytes:
        chosen = frozenset(names)
        if chosen not in self._files:
            options = self._debugger.options
            options.denylisted_nodes = sorted(self._denied(chosen))
            file = self._debugger.get_nondebug_quantized_model()
            self._check(chosen, _graph(file))
            self._files[chosen] = file
        return self._files[chosen]

    def _denied(self, chosen: frozenset[str]) -> Iterator[str]:
        """Give the names by which the quantizer knows what is to stay in float."""
        floats = {layer.index for layer in self._all if layer.tensor in chosen}
        for layer in self._all:
            if layer.operator in MOVING and chosen and floats.issuperset(self._before(layer)):
                floats.add(layer.index)
        for layer in self._all:
            if layer.index in floats:
                yield layer.tensor
                # A digit may have been appended to a name that a constant had already.
                if layer.tensor[-1].isdigit():
                    yield layer.tensor[:-1]

    def _before(self, layer: Layer) -> set[int]:
        return {place for place in self._producers[layer.index] if place >= 0}

    def _check(self, chosen: frozenset[str], graph: Graph) -> None:
        """Refuse a file in which other operators than the chosen ones compute in float."""
        kinds = [operator.name for operator in operators_of(graph)]
        if kinds != [layer.operator for layer in self._all]:
            raise ModelFormatError(f"unexpected operators with {sorted(chosen)} in float: {kinds}")
        found = {
            layer.tensor
            for layer, operator in zip(self._all, operators_of(graph), strict=True)
            if layer.operator not in MOVING
            and graph.tensors[operator.outputs[0]].dtype == "float32"
        }
        if found != chosen:
            raise ModelFormatError(
                f"operators in float: {sorted(found)}, expected {sorted(chosen)}"
            )


def _prepared(model: tf_keras.Model, calibration: np.ndarray) -> Any:
    """Calibrate: make a debugger of a converter for scheme fiq_int8."""
    converter = converter_of(model, SCHEMES["fiq_int8"], calibration)
    return tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=converter.representative_dataset,
        debug_options=tf.lite.experimental.QuantizationDebugOptions(),
    )


def _graph(file: bytes) -> Graph:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(file)
        return read_graph(path)
