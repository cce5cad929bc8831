"""What common mistakes with integer inputs and outputs cost."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt
import numpy as np

from snugnet.evaluation.statistics import holm
from snugnet.report.collect import Study
from snugnet.report.figure import Figure, chart, colour, names_of, panel, percent, tips


def figures(study: Study) -> list[Figure]:
    """Draw the mistakes that were measured, a figure a model."""
    found = []
    for model in study.models:
        rows = _rows(study, model)
        if rows:
            found.append(_figure(model, rows))
    return found


def _rows(study: Study, model: str) -> list[dict[str, Any]]:
    rows = []
    for path in study.files.named(f"debug/{model}", "mistakes.json"):
        variant, scheme = path.split("/")[2:4]
        found = study.files.json(path) or {"mistakes": []}
        rows += [_row(mistake, f"{variant}, {scheme}", found) for mistake in found["mistakes"]]
    for row, p in zip(rows, holm(np.array([row["p"] for row in rows])), strict=True):
        row["p"] = float(p)
    return rows


def _row(mistake: Mapping[str, Any], cell: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cell": cell,
        "mistake": mistake["name"],
        "in words": mistake["words"],
        "n": found["n"],
        "right": percent(found["accuracy"]),
        "wrong": percent(mistake["accuracy"]),
        "points": percent(mistake["delta"]),
        "low": percent(mistake["delta_low"]),
        "high": percent(mistake["delta_high"]),
        "p": mistake["p"],
        "saturated inputs": percent(found["saturated"]),
    }


def _figure(model: str, rows: Sequence[Mapping[str, Any]]) -> Figure:
    return Figure(
        f"mistakes_{model}",
        "mistakes",
        model,
        f"Mistakes with integers, {model}",
        "Points of accuracy that are lost when inputs and outputs of a full-integer file are not "
        "handled as its scale and zero point ask for, with intervals, and p of the paired test "
        "after Holm's correction within the model: "
        + "; ".join(f"{name}: {words}" for name, words in _words(rows).items())
        + ".",
        rows,
        [_panel(names_of(rows, "mistake"), names_of(rows, "cell"))],
    )


def _words(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {row["mistake"]: row["in words"] for row in rows}


@cache
def _panel(mistakes: tuple[str, ...], cells: tuple[str, ...]) -> dict[str, Any]:
    base = chart().encode(
        y=alt.Y("mistake:N", sort=list(mistakes), title=None, axis=alt.Axis(labelLimit=160)),
        yOffset=alt.YOffset("cell:N", sort=list(cells)),
    )
    bars = base.mark_bar().encode(
        x=alt.X("points:Q", title="difference from doing it right (points)"),
        color=colour("cell", cells, "cell"),
        tooltip=tips("cell", "mistake", "right", "wrong", "points", "low", "high", "p"),
    )
    intervals = base.mark_rule().encode(x="low:Q", x2="high:Q")
    drawn = panel(bars + intervals, "", "Points of accuracy that each mistake costs, by cell.")
    return {**drawn, "height": 40 + 12 * len(mistakes) * max(2, len(cells))}
