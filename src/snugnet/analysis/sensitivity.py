"""Layer sensitivity: the accuracy on val with one layer quantized, and with all but one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from snugnet.analysis.candidates import Convert, Measure, Measurement
from snugnet.core.progress import progress
from snugnet.evaluation.statistics import compute_paired_p
from snugnet.tflite.layers import Layer
from snugnet.tflite.unsupported import call_or_warn


@dataclass(frozen=True)
class SweepResult:
    """Accuracy and size of a file of the sweep: a row of sensitivity.csv.

    Attributes:
        layer: The layer that is quantized, or that is in float; None if `quantized` is `none` or
            `all`.
        quantized: Quantized layers of the file: `none`, `all`, `only` (the layer) or `all_but`.
        n: Number of samples.
        accuracy: Accuracy of the file on val, in 0..1.
        delta_float: Accuracy minus that of the float32 file, in -1..1.
        delta_full: Accuracy minus that of the file with all layers quantized, in -1..1.
        p_full: P-value of the paired test against the file with all layers quantized, in 0..1.
        size_bytes: Size of the file.
    """

    layer: Layer | None
    quantized: str
    n: int
    accuracy: float
    delta_float: float
    delta_full: float
    p_full: float
    size_bytes: int

    def to_columns(self) -> dict[str, Any]:
        """Return the values by column of sensitivity.csv; those of no layer are None."""
        values = asdict(self)
        layer = values.pop("layer") or dict.fromkeys(field.name for field in fields(Layer))
        return {**layer, **values}


def sweep_layers(
    layers: Sequence[Layer], convert: Convert, measure: Measure, reference: bytes
) -> list[SweepResult]:
    """Measure every file in which one layer, or every layer but one, is quantized.

    Args:
        layers: Layers that can be left in float, in the order of the file.
        convert: Function that takes the names of the tensors that stay in float and returns a file.
        measure: Function that measures a file on val.
        reference: Content of the float32 file.

    Returns:
        One result per file. In the first two, `quantized` is `none` and `all`. Then follow two for
        each layer, in which `quantized` is `only` and `all_but`. A result is left out if the
        converter rejects the combination.
    """
    names = {layer.tensor for layer in layers}
    floating, full = measure(reference), measure(convert([]))
    results = [
        _build_result(None, "none", floating, floating, full),
        _build_result(None, "all", full, floating, full),
    ]
    with progress(len(layers), "sweeping") as meter:
        for layer in layers:
            in_float = {"only": names - {layer.tensor}, "all_but": {layer.tensor}}
            for quantized, tensors in in_float.items():
                if (file := call_or_warn(convert, tensors)) is not None:
                    results.append(_build_result(layer, quantized, measure(file), floating, full))
            meter.update(1)
    return results


def _build_result(
    layer: Layer | None,
    quantized: str,
    measurement: Measurement,
    floating: Measurement,
    full: Measurement,
) -> SweepResult:
    """Build the result of a file.

    Args:
        layer: The layer; None for the files with no layer and with all layers quantized.
        quantized: Quantized layers of the file, as in the result.
        measurement: Measurement of the file.
        floating: Measurement of the float32 file.
        full: Measurement of the file with all layers quantized.
    """
    return SweepResult(
        layer=layer,
        quantized=quantized,
        n=len(measurement.correct),
        accuracy=measurement.accuracy,
        delta_float=measurement.accuracy - floating.accuracy,
        delta_full=measurement.accuracy - full.accuracy,
        p_full=compute_paired_p(measurement.correct, full.correct, measurement.group),
        size_bytes=measurement.size,
    )
