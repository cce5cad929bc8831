"""Which cells no other one beats: accuracy against what it costs."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt

from snugnet.core.fractions import FRACTION_TOLERANCE
from snugnet.report.collect import Study, address
from snugnet.report.figure import (
    Figure,
    chart,
    colour,
    names_of,
    panel,
    percent,
    shape,
    tips,
)

# What accuracy is set against: the column of metrics.csv, a factor, and what the axis says.
COSTS = {
    "size_kib": ("size_bytes", 1 / 1024, "size of the file (KiB)"),
    "arena_kib": ("arena_bytes", 1 / 1024, "arena of TensorFlow Lite Micro (KiB)"),
    "latency_us": ("latency_us_median", 1, "median latency on the host (µs)"),
    "mmacs": ("macs", 1e-6, "multiply-accumulates (millions)"),
}


def figures(study: Study) -> list[Figure]:
    """Draw accuracy against each cost, a figure a dataset: other data, another accuracy."""
    return [
        _figure(dataset, [row for row in study.rows if row["dataset"] == dataset], study.confidence)
        for dataset in study.datasets
        if any(row["dataset"] == dataset for row in study.measured)
    ]


def _figure(dataset: str, cells: Sequence[Mapping[str, Any]], confidence: float) -> Figure:
    measured = [row for row in cells if row["status"] == "ok"]
    rows = [_row(row) for row in measured]
    for cost, (column, _, _) in COSTS.items():
        for row, ahead in zip(rows, on_front(measured, column), strict=True):
            row[f"front_{cost}"] = ahead
    shown = [cost for cost in COSTS if any(row[cost] is not None for row in rows)]
    schemes, variants = names_of(rows, "scheme"), names_of(rows, "variant")
    return Figure(
        name=f"pareto_{dataset}",
        section="pareto",
        subject=dataset,
        title=f"Accuracy and cost on {dataset}",
        caption=(
            f"Accuracy on the test split with {100 * confidence:g} % intervals (thin lines). The "
            "dashed line joins the cells that no other one beats in both; intervals overlap, so "
            f"its order is no proof. Choose a point to see its cell. {_left_out(cells, rows)}"
        ),
        rows=rows,
        panels=[_panel(cost, schemes, variants) for cost in shown],
    )


def _left_out(cells: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """Count the cells that no panel shows, and those that one panel cannot show."""
    found = [f"{len(cells) - len(rows)} of {len(cells)} cells, which are incompatible"]
    found = found if len(cells) > len(rows) else []
    for cost, (_, _, words) in COSTS.items():
        missing = sum(row[cost] is None for row in rows)
        found += [f"{missing} where nothing is known of the {words}"] if missing else []
    return f"Left out: {'; '.join(found)}." if found else "No cell is left out."


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("model", "variant", "scheme", "runtime")
    return {
        "cell": address(row),
        **{name: row[name] for name in names},
        "accuracy": percent(row["accuracy"]),
        "low": percent(row["accuracy_low"]),
        "high": percent(row["accuracy_high"]),
        **{cost: _cost(row[column], factor) for cost, (column, factor, _) in COSTS.items()},
    }


def _cost(value: float | None, factor: float) -> float | None:
    """Give a cost in its unit, to four digits; 0 has no place on an axis of logarithms."""
    return None if not value else float(f"{value * factor:.4g}")


def on_front(rows: Sequence[Mapping[str, Any]], cost: str) -> list[bool]:
    """Tell for each row whether no other one beats it: cheaper and no worse, or better for it.

    Keras' side of a program for Akida is none: it stays on the host.

    Args:
        rows: Of metrics.csv, with `accuracy` and `runtime`.
        cost: A column, which may be None or 0: then it is unknown.
    """
    able = [i for i, row in enumerate(rows) if row[cost] and row["runtime"] != "keras"]
    front = set()
    best, at = -math.inf, math.nan
    for i in sorted(able, key=lambda i: (rows[i][cost], -rows[i]["accuracy"])):
        accuracy = rows[i]["accuracy"]
        if accuracy > best + FRACTION_TOLERANCE or (
            rows[i][cost] == at and accuracy > best - FRACTION_TOLERANCE
        ):
            front.add(i)
            best, at = max(best, accuracy), rows[i][cost]
    return [i in front for i in range(len(rows))]


@cache
def _panel(cost: str, schemes: tuple[str, ...], variants: tuple[str, ...]) -> dict[str, Any]:
    words = COSTS[cost][2]
    base = (
        chart()
        .transform_filter(f"isValid(datum.{cost})")
        .encode(
            x=alt.X(f"{cost}:Q", title=words, scale=alt.Scale(type="log", nice=False, padding=12)),
            y=alt.Y("accuracy:Q", title="accuracy (%)", scale=alt.Scale(zero=False)),
        )
    )
    intervals = base.mark_rule(opacity=0.35).encode(y="low:Q", y2="high:Q")
    front = base.transform_filter(f"datum.front_{cost}").mark_line(
        interpolate="step-after", strokeDash=[5, 3]
    )
    shown = ("model", "variant", "scheme", "runtime", "accuracy", "low", "high")
    points = base.mark_point(filled=True, size=90, cursor="pointer").encode(
        color=colour("scheme", schemes, "scheme"),
        shape=shape("variant", variants, "variant"),
        opacity=alt.condition(f"datum.front_{cost}", alt.value(1), alt.value(0.6)),
        tooltip=[*tips(*shown), alt.Tooltip(f"{cost}:Q", title=words)],
    )
    return panel(intervals + front + points, f"against {words}", f"Accuracy against {words}.")
