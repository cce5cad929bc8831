"""Layer sensitivity: the accuracy on val with one layer quantized, and with all but one."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from snugnet.analysis.candidates import Convert, Measure, Measurement
from snugnet.core.progress import progress
from snugnet.evaluation.statistics import compute_paired_p
from snugnet.tflite.layers import Layer
from snugnet.tflite.unsupported import call_or_warn


def sweep_layers(
    layers: Sequence[Layer], convert: Convert, measure: Measure, reference: bytes
) -> list[dict[str, Any]]:
    """Measure every file in which one layer, or every layer but one, is quantized.

    Args:
        layers: Layers that can be left in float, in the order of the file.
        convert: Function that takes the names of the tensors that stay in float and returns a file.
        measure: Function that measures a file on val.
        reference: Content of the float32 file.

    Returns:
        Rows of sensitivity.csv. In the first two rows, `quantized` is `none` and `all`, and the
        columns of the layer are None. Then follow two rows for each layer, in which `quantized` is
        `only` and `all_but`. A row is left out if the converter rejects the combination. Columns:

        - `index`, `operator`, `tensor`: the layer.
        - `n`: number of samples.
        - `accuracy`: accuracy of the file, in 0..1.
        - `delta_float`, `delta_full`: accuracy minus that of the float32 file, and minus that of
          the file with all layers quantized.
        - `p_full`: p-value of the paired test against the file with all layers quantized.
        - `size_bytes`: size of the file.
    """
    names = {layer.tensor for layer in layers}
    floating, full = measure(reference), measure(convert([]))
    rows = [
        _build_row(None, "none", floating, floating, full),
        _build_row(None, "all", full, floating, full),
    ]
    with progress(len(layers), "sweeping") as meter:
        for layer in layers:
            in_float = {"only": names - {layer.tensor}, "all_but": {layer.tensor}}
            for quantized, tensors in in_float.items():
                if (file := call_or_warn(convert, tensors)) is not None:
                    rows.append(_build_row(layer, quantized, measure(file), floating, full))
            meter.update(1)
    return rows


def _build_row(
    layer: Layer | None,
    quantized: str,
    measurement: Measurement,
    floating: Measurement,
    full: Measurement,
) -> dict[str, Any]:
    """Build a row of sensitivity.csv.

    Args:
        layer: The layer; None for the files with no layer and with all layers quantized.
        quantized: Value of the column `quantized`.
        measurement: Measurement of the row's file.
        floating: Measurement of the float32 file.
        full: Measurement of the file with all layers quantized.
    """
    return {
        **(asdict(layer) if layer else dict.fromkeys(Layer.__annotations__)),
        "quantized": quantized,
        "n": len(measurement.correct),
        "accuracy": measurement.accuracy,
        "delta_float": measurement.accuracy - floating.accuracy,
        "delta_full": measurement.accuracy - full.accuracy,
        "p_full": compute_paired_p(measurement.correct, full.correct, measurement.group),
        "size_bytes": measurement.size,
    }
