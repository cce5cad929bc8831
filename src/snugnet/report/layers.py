"""Errors along the network: TensorFlow's debugger, our trace, and one layer at a time."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt

from snugnet.report.collect import Study
from snugnet.report.figure import (
    Figure,
    chart,
    colour,
    dash,
    names_of,
    panel,
    percent,
    shape,
    tips,
)
from snugnet.report.files import records

# The column of layers.csv or trace.csv, and what its axis says.
DEBUGGER = {
    "stddev": "standard deviation of the error",
    "mean_error": "mean error",
    "max_abs_error": "largest error",
    "mean_squared_error": "mean squared error",
    "scale": "scale",
    "zero_point": "zero point",
    "rmse_per_scale": "root mean squared error / scale",
    "range_covered": "share of the range that is covered",
}
TRACE = {
    "sqnr_db": "signal to quantization noise (dB)",
    "rmse_per_scale": "root mean squared error / scale",
    "mean_error": "mean error",
    "max_abs_error": "largest error",
    "saturated": "share of saturated values",
    "range_covered": "share of the range that is covered",
}
SWEEPS = {
    "only": ("delta_float", "only this layer in integers: from float (points)"),
    "all_but": ("delta_full", "all but this layer: from all in integers (points)"),
}
# Of errors that are spread evenly over a step, as rounding alone makes them.
EVEN = 12**-0.5


def figures(study: Study) -> list[Figure]:
    """Draw what was found along each model, its variants overlaid."""
    found = []
    for model in study.models:
        found += _measures(study, model, "layers", DEBUGGER, _about_debugger(model))
        found += _measures(study, model, "trace", TRACE, _about_trace(model))
        found += _sweeps(study, model)
    return found


def _about_debugger(model: str) -> tuple[str, str]:
    return (
        f"Quantization Debugger, {model}",
        "What TensorFlow Lite's debugger measures at each layer of fiq_int8 after training: int8 "
        "less float, each from the same inputs, so that errors do not add up. Means over samples "
        "of calib, of the largest error too. It takes no model that brings ranges of its own. The "
        "dashed line in error / scale is 0.289, where all that is lost is rounding to the nearest.",
    )


def _about_trace(model: str) -> tuple[str, str]:
    return (
        f"Trace, {model}",
        "The tensors of fiq_int8, as the integer engine computes them, less those of the float32 "
        "file of the same variant, on n samples spread over test; of models trained with "
        "quantizers too. Errors add up along the network: a jump is where something is lost. Index "
        "-1 is the input.",
    )


def _measures(
    study: Study, model: str, kind: str, measures: Mapping[str, str], about: tuple[str, str]
) -> list[Figure]:
    """Draw the measures of a file `kind`.csv that a model has."""
    found = _layers(study, model, kind)
    shown = {name: words for name, words in measures.items() if _any(found, name)}
    if not shown:
        return []
    columns = ("variant", "index", "operator", "tensor", *({"n"} & set(found[0])), *shown)
    rows = [{name: _rounded(row[name]) for name in columns} for row in found]
    variants = names_of(rows, "variant")
    panels = [_line(name, words, variants) for name, words in shown.items()]
    return [Figure(f"{kind}_{model}", "layers", model, *about, rows, panels)]


def _layers(study: Study, model: str, kind: str) -> list[dict[str, Any]]:
    """Read the rows of a model's files that are about layers.

    A fused operator bears the names of all that it was made of; the first is enough to know it.
    """
    return [
        {**row, "index": int(row["index"]), "tensor": row["tensor"].partition(";")[0]}
        for row in records(study.tables(model, "debug", f"{kind}.csv"))
        if row["index"] is not None
    ]


def _any(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(row.get(name) is not None for row in rows)


def _rounded(value: Any) -> Any:
    """Keep five digits of a figure: nobody sees more in a chart."""
    return float(f"{value:.5g}") if isinstance(value, float) else value


@cache
def _line(name: str, words: str, variants: tuple[str, ...]) -> dict[str, Any]:
    axis = alt.Axis(tickMinStep=1, format="d")
    base = chart().encode(
        x=alt.X("index:Q", title="index of the layer", axis=axis),
        y=alt.Y(f"{name}:Q", title=words, scale=alt.Scale(zero=False)),
        color=colour("variant", variants, "variant"),
    )
    lines = base.mark_line().encode(strokeDash=dash("variant", variants, "variant"))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        shape=shape("variant", variants, "variant"),
        tooltip=tips("variant", "index", "operator", "tensor", name),
    )
    drawn = lines + points
    if name == "rmse_per_scale":
        rule = chart().mark_rule(strokeDash=[4, 4]).encode(y=alt.datum(EVEN))
        drawn = rule + lines + points
    return panel(drawn, words, f"{words} by index of the layer, a line a variant.")


def _sweeps(study: Study, model: str) -> list[Figure]:
    """Draw what one layer alone costs, and what leaving it alone in float brings back."""
    rows = [
        {
            **{name: row[name] for name in ("variant", "quantized", "index", "operator", "tensor")},
            "accuracy": percent(row["accuracy"]),
            "points": percent(row[SWEEPS[row["quantized"]][0]]),
            "p to all in integers": row["p_full"],
            "n": row["n"],
        }
        for row in _layers(study, model, "sensitivity")
    ]
    if not rows:
        return []
    variants = names_of(rows, "variant")
    return [
        Figure(
            f"sensitivity_{model}",
            "layers",
            model,
            f"One layer at a time, {model}",
            "Accuracy on val with one layer in integers and all others in float, and the other way "
            "round. Weights that cost are low in the first and high in the second; a spoiled "
            "tensor is low in the first at both layers that it lies between. A few samples are "
            "noise.",
            rows,
            [_sweep(kind, words, variants) for kind, (_, words) in SWEEPS.items()],
        )
    ]


@cache
def _sweep(kind: str, words: str, variants: tuple[str, ...]) -> dict[str, Any]:
    base = (
        chart()
        .transform_filter(f"datum.quantized == '{kind}'")
        .encode(
            x=alt.X(
                "index:Q", title="index of the layer", axis=alt.Axis(tickMinStep=1, format="d")
            ),
            y=alt.Y("points:Q", title="points"),
            color=colour("variant", variants, "variant"),
        )
    )
    lines = base.mark_line().encode(strokeDash=dash("variant", variants, "variant"))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        shape=shape("variant", variants, "variant"),
        tooltip=tips(
            *("variant", "index", "operator", "tensor", "accuracy", "points"),
            "p to all in integers",
        ),
    )
    return panel(lines + points, words, f"{words}, by index of the layer, a line a variant.")


def indexes(study: Study, model: str) -> list[dict[str, Any]]:
    """Tell which operator each index of the charts is, a column a variant."""
    found = _layers(study, model, "trace") or _layers(study, model, "layers")
    lines: dict[int, dict[str, Any]] = {}
    for row in sorted(found, key=lambda row: int(row["index"])):
        line = lines.setdefault(row["index"], {"index": row["index"]})
        line[row["variant"]] = f"{row['operator']} {row['tensor']}, {row['num_elements']:,}"
    return list(lines.values())
