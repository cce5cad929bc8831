"""Figures of layer errors: TensorFlow's Quantization Debugger, the trace and the sensitivity."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt

from snugnet.report.collect import Study
from snugnet.report.figure import (
    Figure,
    build_tooltips,
    encode_colour,
    encode_dash,
    encode_shape,
    finish_panel,
    list_values,
    start_chart,
    to_percent,
)
from snugnet.report.files import to_records

# Columns of layers.csv with the titles of their axes.
DEBUGGER = {
    "stddev": "standard deviation of the error",
    "mean_error": "mean error",
    "max_abs_error": "maximum absolute error",
    "mean_squared_error": "mean squared error",
    "scale": "scale",
    "zero_point": "zero point",
    "rmse_per_scale": "RMSE / scale",
    "range_covered": "share of the range that is covered",
}
# Columns of trace.csv with the titles of their axes.
TRACE = {
    "sqnr_db": "SQNR [dB]",
    "rmse_per_scale": "RMSE / scale",
    "mean_error": "mean error",
    "max_abs_error": "maximum absolute error",
    "saturated": "share of saturated values",
    "range_covered": "share of the range that is covered",
}
# Kinds of files in sensitivity.csv: the column of the difference, and the title of its panel.
SENSITIVITY = {
    "only": ("delta_float", "only this layer quantized: Δ vs float32 [points]"),
    "all_but": ("delta_full", "all layers but this one quantized: Δ vs all quantized [points]"),
}
# RMSE / scale of rounding alone: errors are then uniform over one step.
ROUNDING_RMSE = 12**-0.5


def build_figures(study: Study) -> list[Figure]:
    """Build the figures of layer errors for each model, with its variants overlaid."""
    figures = []
    for model in study.models:
        figures += _build_error_figures(study, model, "layers", DEBUGGER, _describe_debugger(model))
        figures += _build_error_figures(study, model, "trace", TRACE, _describe_trace(model))
        figures += _build_sensitivity_figures(study, model)
    return figures


def _describe_debugger(model: str) -> tuple[str, str]:
    """Return title and caption of the figure."""
    return (
        f"Quantization Debugger, {model}",
        "Errors that TensorFlow Lite's Quantization Debugger measures at each layer of fiq_int8 "
        "(PTQ): int8 minus float. Both are computed from the same inputs, so errors do not "
        "accumulate. All values are means over calib samples, including the maximum error. Models "
        "with their own quantization ranges are not supported. The dashed line at RMSE / scale = "
        "0.289 marks rounding to the nearest integer without any other loss.",
    )


def _describe_trace(model: str) -> tuple[str, str]:
    """Return title and caption of the figure."""
    return (
        f"Trace, {model}",
        "Tensors of fiq_int8, computed by the integer engine, minus those of the float32 file of "
        "the same variant, on n samples spread over test. QAT models are included. Errors "
        "accumulate along the network: a jump shows the layer that causes a loss. Index -1 is the "
        "input.",
    )


def _build_error_figures(
    study: Study, model: str, kind: str, measures: Mapping[str, str], texts: tuple[str, str]
) -> list[Figure]:
    """Build the figure of a model's files `kind`.csv; no figure if it has no such values.

    Args:
        study: The study.
        model: Name of the model.
        kind: `layers` or `trace`.
        measures: Columns to draw, with the titles of their axes.
        texts: Title and caption of the figure.
    """
    errors = _read_layers(study, model, kind)
    shown = {name: title for name, title in measures.items() if _has_values(errors, name)}
    if not shown:
        return []
    columns = ["variant", "index", "operator", "tensor"]
    if "n" in errors[0]:
        columns.append("n")
    columns += shown
    rows = [{name: _round_digits(row[name]) for name in columns} for row in errors]
    variants = list_values(rows, "variant")
    panels = [_build_error_panel(name, title, variants) for name, title in shown.items()]
    return [Figure(f"{kind}_{model}", "layers", model, *texts, rows, panels)]


def _read_layers(study: Study, model: str, kind: str) -> list[dict[str, Any]]:
    """Read the rows of a model's files `kind`.csv that are about layers.

    The output tensor of a fused operator has the names of all fused layers; the first identifies
    it.
    """
    return [
        {**row, "index": int(row["index"]), "tensor": row["tensor"].partition(";")[0]}
        for row in to_records(study.read_tables(model, "debug", f"{kind}.csv"))
        if row["index"] is not None
    ]


def _has_values(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(row.get(name) is not None for row in rows)


def _round_digits(value: Any) -> Any:
    """Round a float to five significant digits; more are invisible in a chart."""
    return float(f"{value:.5g}") if isinstance(value, float) else value


@cache
def _build_error_panel(name: str, title: str, variants: tuple[str, ...]) -> dict[str, Any]:
    axis = alt.Axis(tickMinStep=1, format="d")
    base = start_chart().encode(
        x=alt.X("index:Q", title="layer index", axis=axis),
        y=alt.Y(f"{name}:Q", title=title, scale=alt.Scale(zero=False)),
        color=encode_colour("variant", variants, "variant"),
    )
    lines = base.mark_line().encode(strokeDash=encode_dash("variant", variants, "variant"))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        shape=encode_shape("variant", variants, "variant"),
        tooltip=build_tooltips("variant", "index", "operator", "tensor", name),
    )
    chart = lines + points
    if name == "rmse_per_scale":
        rule = start_chart().mark_rule(strokeDash=[4, 4]).encode(y=alt.datum(ROUNDING_RMSE))
        chart = rule + lines + points
    return finish_panel(chart, title, f"{title} by layer index, one line for each variant.")


def _build_sensitivity_figures(study: Study, model: str) -> list[Figure]:
    """Build the figure of layer sensitivity; no figure if the model has no sensitivity.csv."""
    rows = [
        {
            **{name: row[name] for name in ("variant", "quantized", "index", "operator", "tensor")},
            "accuracy": to_percent(row["accuracy"]),
            "points": to_percent(row[SENSITIVITY[row["quantized"]][0]]),
            "p to all in integers": row["p_full"],
            "n": row["n"],
        }
        for row in _read_layers(study, model, "sensitivity")
    ]
    if not rows:
        return []
    variants = list_values(rows, "variant")
    return [
        Figure(
            f"sensitivity_{model}",
            "layers",
            model,
            f"Layer sensitivity, {model}",
            "Accuracy on val with one layer quantized and all others in float (first panel), and "
            "with all layers but one quantized (second panel). A layer whose weights cause a loss "
            "is low in the first panel and high in the second. If a tensor between two layers "
            "causes the loss, both layers are low in the first panel. Differences of a few samples "
            "are noise.",
            rows,
            [
                _build_sensitivity_panel(kind, title, variants)
                for kind, (_, title) in SENSITIVITY.items()
            ],
        )
    ]


@cache
def _build_sensitivity_panel(kind: str, title: str, variants: tuple[str, ...]) -> dict[str, Any]:
    base = (
        start_chart()
        .transform_filter(f"datum.quantized == '{kind}'")
        .encode(
            x=alt.X("index:Q", title="layer index", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("points:Q", title="points"),
            color=encode_colour("variant", variants, "variant"),
        )
    )
    lines = base.mark_line().encode(strokeDash=encode_dash("variant", variants, "variant"))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        shape=encode_shape("variant", variants, "variant"),
        tooltip=build_tooltips(
            "variant", "index", "operator", "tensor", "accuracy", "points", "p to all in integers"
        ),
    )
    description = f"{title}, by layer index, one line for each variant."
    return finish_panel(lines + points, title, description)


def list_layer_indexes(study: Study, model: str) -> list[dict[str, Any]]:
    """List operator, tensor and number of values at each layer index of the charts.

    Returns:
        One line for each index, with one column for each variant.
    """
    layers = _read_layers(study, model, "trace") or _read_layers(study, model, "layers")
    lines: dict[int, dict[str, Any]] = {}
    for row in sorted(layers, key=lambda row: int(row["index"])):
        line = lines.setdefault(row["index"], {"index": row["index"]})
        line[row["variant"]] = f"{row['operator']} {row['tensor']}, {row['num_elements']:,}"
    return list(lines.values())
