"""Figures of common mistakes in integer inference: the accuracy that each mistake costs."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt
import numpy as np

from snugnet.evaluation.statistics import adjust_holm
from snugnet.report.collect import Study
from snugnet.report.figure import (
    Figure,
    build_tooltips,
    encode_colour,
    finish_panel,
    list_values,
    start_chart,
    to_percent,
)


def build_figures(study: Study) -> list[Figure]:
    """Build one figure for each model whose mistakes were measured."""
    figures = []
    for model in study.models:
        rows = _list_mistakes(study, model)
        if rows:
            figures.append(_build_figure(model, rows))
    return figures


def _list_mistakes(study: Study, model: str) -> list[dict[str, Any]]:
    """List the mistakes of a model's cells; p-values are adjusted within the model (Holm)."""
    rows = []
    for path in study.files.find(f"debug/{model}", "mistakes.json"):
        variant, scheme = path.split("/")[2:4]
        report = study.files.read_json(path) or {"mistakes": []}
        rows += [_build_row(entry, f"{variant}, {scheme}", report) for entry in report["mistakes"]]
    for row, p in zip(rows, adjust_holm(np.array([row["p"] for row in rows])), strict=True):
        row["p"] = float(p)
    return rows


def _build_row(mistake: Mapping[str, Any], cell: str, report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cell": cell,
        "mistake": mistake["name"],
        "in words": mistake["words"],
        "n": report["n"],
        "right": to_percent(report["accuracy"]),
        "wrong": to_percent(mistake["accuracy"]),
        "points": to_percent(mistake["delta"]),
        "low": to_percent(mistake["delta_low"]),
        "high": to_percent(mistake["delta_high"]),
        "p": mistake["p"],
        "saturated inputs": to_percent(report["saturated"]),
    }


def _build_figure(model: str, rows: Sequence[Mapping[str, Any]]) -> Figure:
    descriptions = {row["mistake"]: row["in words"] for row in rows}
    return Figure(
        f"mistakes_{model}",
        "mistakes",
        model,
        f"Common mistakes in integer inference, {model}",
        "Difference in accuracy, in points, if the inputs or outputs of a full-integer file are "
        "not converted with its scale and zero point. Thin lines are confidence intervals; p is "
        "from the paired test, with Holm's correction within the model. The mistakes are: "
        + "; ".join(f"{name}: {description}" for name, description in descriptions.items())
        + ".",
        rows,
        [_build_panel(list_values(rows, "mistake"), list_values(rows, "cell"))],
    )


@cache
def _build_panel(mistakes: tuple[str, ...], cells: tuple[str, ...]) -> dict[str, Any]:
    base = start_chart().encode(
        y=alt.Y("mistake:N", sort=list(mistakes), title=None, axis=alt.Axis(labelLimit=160)),
        yOffset=alt.YOffset("cell:N", sort=list(cells)),
    )
    bars = base.mark_bar().encode(
        x=alt.X("points:Q", title="Δ vs correct conversion [points]"),
        color=encode_colour("cell", cells, "cell"),
        tooltip=build_tooltips("cell", "mistake", "right", "wrong", "points", "low", "high", "p"),
    )
    intervals = base.mark_rule().encode(x="low:Q", x2="high:Q")
    panel = finish_panel(
        bars + intervals, "", "Points of accuracy that each mistake costs, by cell."
    )
    return {**panel, "height": 40 + 12 * len(mistakes) * max(2, len(cells))}
