"""Quantization errors by layer from TensorFlow's debugger, and conversion with layers in float.

`tf.lite.experimental.QuantizationDebugger` computes each operator twice, in int8 and in float32,
from the same inputs, and compares the outputs. So errors do not accumulate from layer to layer.
"""

import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.errors import ModelFormatError
from snugnet.core.inputs import has_several_inputs
from snugnet.core.tflite_graph import Graph, Operator
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.models.loading.keras2 import tf, tf_keras
from snugnet.tflite.convert import iterate_samples, make_converter
from snugnet.tflite.flatbuffer import list_signature_inputs, read_graph
from snugnet.tflite.layers import (
    DATA_MOVEMENT,
    Layer,
    compute_range_covered,
    compute_rmse_per_scale,
    find_producers,
    list_layers,
    list_operators,
)
from snugnet.tflite.unsupported import call_or_warn

# Number of samples for statistics. Ranges are estimated from all samples.
MAX_SAMPLES = 100
# Name of the operator that the debugger adds to a file to compare two tensors.
COMPARISON = "CUSTOM"


@dataclass(frozen=True)
class DebuggerError:
    """Quantization error of a layer as TensorFlow's debugger measures it: a row of layers.csv.

    Errors are the int8 values minus the float values, in the units of the tensor. TensorFlow
    computes the statistics for each sample, and averages over the samples.

    Attributes:
        layer: The layer.
        num_elements: Number of elements of its output for one sample.
        stddev: Standard deviation of the error.
        mean_error: Mean error.
        max_abs_error: Maximum absolute error.
        mean_squared_error: Mean squared error.
        scale: Scale of the output.
        zero_point: Zero point of the output.
        rmse_per_scale: See `compute_rmse_per_scale`; None if the scale is 0.
        range_covered: See `compute_range_covered`, for the range of the float values.
    """

    layer: Layer
    num_elements: int
    stddev: float
    mean_error: float
    max_abs_error: float
    mean_squared_error: float
    scale: float
    zero_point: int
    rmse_per_scale: float | None
    range_covered: float

    def to_columns(self) -> dict[str, Any]:
        """Return the values by column of layers.csv."""
        values = asdict(self)
        return {**values.pop("layer"), **values}


def measure_layers(model: tf_keras.Model, calibration: np.ndarray) -> list[DebuggerError]:
    """Measure the error of each operator in int8 with TensorFlow's debugger.

    Args:
        model: An uncompiled Keras model without quantizers, with one output.
        calibration: Samples, (n, ...). Ranges are estimated from all of them, and errors are
            measured on the first `MAX_SAMPLES`.

    Returns:
        One error per compared layer, in the order of the file.

    Raises:
        InputError: If there are no samples.
        ModelFormatError: If the operators of the debugger are not those of the file.
    """
    debugger = _make_debugger(model, calibration)
    remaining = iter(list_layers(_read_graph(debugger.calibrated_model)))
    file = debugger.get_debug_quantized_model()
    statistics, ranges = _run_debugger(file, calibration[:MAX_SAMPLES])
    graph = _read_graph(file)
    producer_names = {i: operator.name for operator in graph.operators for i in operator.outputs}
    errors: list[DebuggerError] = []
    for comparison in (operator for operator in graph.operators if operator.name == COMPARISON):
        # In the debugger's file, names of tensors have digits appended or are new, but the order of
        # operators is the same. So the next remaining layer with the same operator is compared.
        name = producer_names[comparison.inputs[0]]
        layer = next((layer for layer in remaining if layer.operator == name), None)
        if layer is None:
            raise ModelFormatError(
                f"the debugger reports a {name} that the float32 file does not have"
            )
        errors.append(_read_error(layer, graph, comparison, statistics, ranges[len(errors)]))
    return errors


def _run_debugger(
    file: bytes, samples: np.ndarray
) -> tuple[dict[str, dict[str, float]], np.ndarray]:
    """Run a file that contains comparisons.

    Args:
        file: Content of the file that the debugger made.
        samples: (n, ...).

    Returns:
        TensorFlow's statistics by name of the output of each comparison; and the smallest and the
        largest float value, (comparisons in the order of the file, 2).
    """
    value_ranges: list[tuple[float, float]] = []
    names = list_signature_inputs(file) if has_several_inputs(samples) else []

    def record_range(float_values: np.ndarray, *_: Any) -> float:
        value_ranges.append((float(float_values.min()), float(float_values.max())))
        return 0.0

    # A debugger made from a file preserves all tensors. One made from a converter does not: it
    # would read float values after later operators have overwritten them.
    debugger = tf.lite.experimental.QuantizationDebugger(
        quant_debug_model_content=file,
        # The debugger takes the inputs in the order of the file.
        debug_dataset=lambda: (
            [batch[name] for name in names] if isinstance(batch, dict) else batch
            for batch in iterate_samples(samples, "comparing")
        ),
        debug_options=tf.lite.experimental.QuantizationDebugOptions(
            layer_direct_compare_metrics={"range": record_range}
        ),
    )
    debugger.run()
    low, high = np.array(value_ranges).reshape(len(samples), -1, 2).transpose(2, 0, 1)
    return debugger.layer_statistics, np.stack([low.min(axis=0), high.max(axis=0)], axis=1)


def _read_error(
    layer: Layer,
    graph: Graph,
    comparison: Operator,
    statistics: dict[str, dict[str, float]],
    value_range: np.ndarray,
) -> DebuggerError:
    """Read the error that a comparison measured.

    Args:
        layer: The compared layer.
        graph: Graph of the debugger's file.
        comparison: Operator that compares the outputs.
        statistics: TensorFlow's statistics by name of the output of each comparison.
        value_range: The smallest and the largest float value, (2,).
    """
    quantized = graph.tensors[comparison.inputs[0]]
    metrics = statistics[graph.tensors[comparison.outputs[0]].name]
    scale, zero_point = float(quantized.scales[0]), int(quantized.zero_points[0])
    low, high = value_range.tolist()
    squared = float(metrics["mean_squared_error"])
    return DebuggerError(
        layer=layer,
        num_elements=int(metrics["num_elements"]),
        stddev=float(metrics["stddev"]),
        mean_error=float(metrics["mean_error"]),
        max_abs_error=float(metrics["max_abs_error"]),
        mean_squared_error=squared,
        scale=scale,
        zero_point=zero_point,
        rmse_per_scale=compute_rmse_per_scale(squared, scale),
        range_covered=compute_range_covered(low, high, scale, zero_point, quantized.dtype),
    )


def prepare_mixed_precision(
    model: tf_keras.Model, calibration: np.ndarray
) -> tuple[list[Layer], Callable[[Collection[str]], bytes]]:
    """Prepare conversions with some layers in float32; ranges are estimated once for all files.

    Args:
        model: An uncompiled Keras model without quantizers, with one output.
        calibration: Calibration samples, (n, ...).

    Returns:
        The layers that can stay in float, in the order of the file, and a function that converts
        the model. Layers that only move data are not listed, because quantization does not change
        them.

        The argument of the function is the names of the output tensors of the layers that compute
        in float32; the others compute in int8. Its result is the content of a file with float32
        input and output. A layer that only moves data is in float if the layers before it are.

    Raises:
        InputError: If there are no samples.
        ModelFormatError: Raised by the function if the layers that compute in float are not the
            requested ones.
    """
    converter = _MixedConverter(_make_debugger(model, calibration))
    layers = [layer for layer in converter.layers if converter.can_stay_in_float(layer)]
    return layers, converter.convert


class _MixedConverter:
    """Converter of a calibrated model to files with any of its layers in float.

    Attributes:
        layers: The layers of the model without those that only move data.
    """

    def __init__(self, debugger: Any) -> None:
        self._debugger = debugger
        graph = _read_graph(debugger.calibrated_model)
        self._all_layers = list_layers(graph)
        self._producers = find_producers(graph)
        self.layers = [layer for layer in self._all_layers if layer.operator not in DATA_MOVEMENT]
        self._files: dict[frozenset[str], bytes] = {}

    def can_stay_in_float(self, layer: Layer) -> bool:
        """Check that a layer alone can stay in float; print a warning if it cannot."""
        return call_or_warn(self.convert, [layer.tensor]) is not None

    def convert(self, names: Collection[str]) -> bytes:
        """Convert the model with the layers of some output tensors in float."""
        float_tensors = frozenset(names)
        if float_tensors not in self._files:
            options = self._debugger.options
            options.denylisted_nodes = sorted(self._list_denied_names(float_tensors))
            file = self._debugger.get_nondebug_quantized_model()
            self._check(float_tensors, _read_graph(file))
            self._files[float_tensors] = file
        return self._files[float_tensors]

    def _list_denied_names(self, float_tensors: frozenset[str]) -> Iterator[str]:
        """Yield the tensor names for TensorFlow's list of nodes that stay in float."""
        float_layers = {layer.index for layer in self._all_layers if layer.tensor in float_tensors}
        for layer in self._all_layers:
            is_data_movement = layer.operator in DATA_MOVEMENT
            if is_data_movement and float_tensors and float_layers >= self._list_inputs(layer):
                float_layers.add(layer.index)
        for layer in self._all_layers:
            if layer.index in float_layers:
                yield layer.tensor
                # The converter appends a digit to a name that a constant already has.
                if layer.tensor[-1].isdigit():
                    yield layer.tensor[:-1]

    def _list_inputs(self, layer: Layer) -> set[int]:
        """Return the indices of the layers before a layer, without the input of the network."""
        return {index for index in self._producers[layer.index] if index >= 0}

    def _check(self, float_tensors: frozenset[str], graph: Graph) -> None:
        """Check that exactly the requested layers of a file compute in float."""
        operators = list_operators(graph)
        names = [operator.name for operator in operators]
        if names != [layer.operator for layer in self._all_layers]:
            raise ModelFormatError(
                f"unexpected operators with {sorted(float_tensors)} in float: {names}"
            )
        actual = {
            layer.tensor
            for layer, operator in zip(self._all_layers, operators, strict=True)
            if layer.operator not in DATA_MOVEMENT
            and graph.tensors[operator.outputs[0]].dtype == "float32"
        }
        if actual != float_tensors:
            raise ModelFormatError(
                f"operators in float: {sorted(actual)}, expected {sorted(float_tensors)}"
            )


def _make_debugger(model: tf_keras.Model, calibration: np.ndarray) -> Any:
    """Make a debugger for scheme `fiq_int8`; this calibrates the model."""
    converter = make_converter(model, SCHEMES["fiq_int8"], calibration)
    return tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=converter.representative_dataset,
        debug_options=tf.lite.experimental.QuantizationDebugOptions(),
    )


def _read_graph(file: bytes) -> Graph:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(file)
        return read_graph(path)
