"""Which layer costs how much accuracy: one alone quantized, and all but one, measured on val."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from snugnet.analysis.candidates import Convert, Measure, Measured
from snugnet.core.progress import progress
from snugnet.evaluate.statistics import paired_p
from snugnet.tflite.layers import Layer
from snugnet.tflite.refusals import call_or_warn


def sweep(
    layers: Sequence[Layer], convert: Convert, measure: Measure, reference: bytes
) -> list[dict[str, Any]]:
    """Measure all files in which one layer, or all but one, is quantized.

    Args:
        layers: Those that can be left in float, in the order of the file.
        convert: From the names of tensors that are to stay in float to a file.
        measure: Measures a file on val.
        reference: The float32 file.

    Returns:
        Rows: first none and all of the layers quantized (`quantized` is `none` and `all`, and there
        is no layer), then for each layer `only` it and `all_but` it, without what the converter
        does not make. `index`, `operator`, `tensor`;
        `n` samples; `accuracy`; `delta_float` and `delta_full`, accuracy less that of the float32
        file and of the file with all layers quantized; `p_full`, of the paired test against the
        latter; `size_bytes`.
    """
    names = {layer.tensor for layer in layers}
    floating, full = measure(reference), measure(convert([]))
    rows = [_row(None, "none", floating, floating, full), _row(None, "all", full, floating, full)]
    with progress(len(layers), "sweeping") as meter:
        for layer in layers:
            for quantized, left in (("only", names - {layer.tensor}), ("all_but", {layer.tensor})):
                if (file := call_or_warn(convert, left)) is not None:
                    rows.append(_row(layer, quantized, measure(file), floating, full))
            meter.update(1)
    return rows


def _row(
    layer: Layer | None, quantized: str, found: Measured, floating: Measured, full: Measured
) -> dict[str, Any]:
    return {
        **(asdict(layer) if layer else dict.fromkeys(Layer.__annotations__)),
        "quantized": quantized,
        "n": len(found.correct),
        "accuracy": found.accuracy,
        "delta_float": found.accuracy - floating.accuracy,
        "delta_full": found.accuracy - full.accuracy,
        "p_full": paired_p(found.correct, full.correct, found.group),
        "size_bytes": found.size,
    }
