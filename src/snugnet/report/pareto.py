"""Figures of Pareto fronts: accuracy against size, arena, latency and multiply-accumulates."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt

from snugnet.core.fractions import FRACTION_TOLERANCE
from snugnet.report.collect import Study, format_address
from snugnet.report.figure import (
    Figure,
    build_tooltips,
    encode_colour,
    encode_shape,
    finish_panel,
    list_values,
    start_chart,
    to_percent,
)

# Costs by their column in the figure's table: the column of metrics.csv, the factor of the unit,
# and the title of the axis.
COSTS = {
    "size_kib": ("size_bytes", 1 / 1024, "file size [KiB]"),
    "arena_kib": ("arena_bytes", 1 / 1024, "tensor arena of TensorFlow Lite Micro [KiB]"),
    "latency_us": ("latency_us_median", 1, "median latency on the host [µs]"),
    "mmacs": ("macs", 1e-6, "multiply-accumulates [millions]"),
}


def build_figures(study: Study) -> list[Figure]:
    """Build one figure for each dataset; accuracies of different datasets are not comparable."""
    return [
        _build_figure(
            dataset, [row for row in study.rows if row["dataset"] == dataset], study.confidence
        )
        for dataset in study.datasets
        if any(row["dataset"] == dataset for row in study.measured)
    ]


def _build_figure(dataset: str, cells: Sequence[Mapping[str, Any]], confidence: float) -> Figure:
    measured = [row for row in cells if row["status"] == "ok"]
    rows = [_build_row(row) for row in measured]
    for cost, (column, _, _) in COSTS.items():
        for row, on_front in zip(rows, is_on_front(measured, column), strict=True):
            row[f"front_{cost}"] = on_front
    costs = [cost for cost in COSTS if any(row[cost] is not None for row in rows)]
    schemes, variants = list_values(rows, "scheme"), list_values(rows, "variant")
    return Figure(
        name=f"pareto_{dataset}",
        section="pareto",
        subject=dataset,
        title=f"Accuracy and cost on {dataset}",
        caption=(
            f"Accuracy on the test split with {100 * confidence:g} % intervals (thin lines). The "
            "dashed line is the Pareto front: no other cell has a higher accuracy at the same or a "
            "lower cost. Intervals overlap, so the order of cells on the front is not certain. "
            f"Select a point to open the card of its cell. {_describe_left_out(cells, rows)}"
        ),
        rows=rows,
        panels=[_build_panel(cost, schemes, variants) for cost in costs],
    )


def _describe_left_out(
    cells: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> str:
    """Count the cells that no panel shows, and the cells that one of the panels cannot show."""
    counts = []
    if len(cells) > len(rows):
        counts.append(f"{len(cells) - len(rows)} of {len(cells)} cells, which are incompatible")
    for cost, (_, _, title) in COSTS.items():
        missing = sum(row[cost] is None for row in rows)
        if missing:
            counts.append(f"{missing} with unknown {title}")
    return f"Left out: {'; '.join(counts)}." if counts else "No cell is left out."


def _build_row(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("model", "variant", "scheme", "runtime")
    return {
        "cell": format_address(row),
        **{name: row[name] for name in names},
        "accuracy": to_percent(row["accuracy"]),
        "low": to_percent(row["accuracy_low"]),
        "high": to_percent(row["accuracy_high"]),
        **{cost: _convert_cost(row[column], factor) for cost, (column, factor, _) in COSTS.items()},
    }


def _convert_cost(value: float | None, factor: float) -> float | None:
    """Convert a cost to its unit with four digits; 0 becomes None (no place on a log axis)."""
    return None if not value else float(f"{value * factor:.4g}")


def is_on_front(rows: Sequence[Mapping[str, Any]], cost: str) -> list[bool]:
    """Check for each row whether it is on the Pareto front of accuracy and cost.

    A row is on the front if no other row has a higher accuracy at the same or a lower cost, or the
    same accuracy at a lower cost. Rows of the runtime `keras` are never on the front: the quantized
    Keras model of an Akida program stays on the host.

    Args:
        rows: Rows of metrics.csv, with `accuracy` and `runtime`.
        cost: Column of the cost; a row whose cost is None or 0 (unknown) is not on the front.

    Returns:
        One value for each row.
    """
    known = [i for i, row in enumerate(rows) if row[cost] and row["runtime"] != "keras"]
    front = set()
    best_accuracy, best_cost = -math.inf, math.nan
    for i in sorted(known, key=lambda i: (rows[i][cost], -rows[i]["accuracy"])):
        accuracy = rows[i]["accuracy"]
        is_better = accuracy > best_accuracy + FRACTION_TOLERANCE
        is_equal = rows[i][cost] == best_cost and accuracy > best_accuracy - FRACTION_TOLERANCE
        if is_better or is_equal:
            front.add(i)
            best_accuracy, best_cost = max(best_accuracy, accuracy), rows[i][cost]
    return [i in front for i in range(len(rows))]


@cache
def _build_panel(cost: str, schemes: tuple[str, ...], variants: tuple[str, ...]) -> dict[str, Any]:
    title = COSTS[cost][2]
    base = (
        start_chart()
        .transform_filter(f"isValid(datum.{cost})")
        .encode(
            x=alt.X(f"{cost}:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=12)),
            y=alt.Y("accuracy:Q", title="accuracy [%]", scale=alt.Scale(zero=False)),
        )
    )
    intervals = base.mark_rule(opacity=0.35).encode(y="low:Q", y2="high:Q")
    front = base.transform_filter(f"datum.front_{cost}").mark_line(
        interpolate="step-after", strokeDash=[5, 3]
    )
    columns = ("model", "variant", "scheme", "runtime", "accuracy", "low", "high")
    points = base.mark_point(filled=True, size=90, cursor="pointer").encode(
        color=encode_colour("scheme", schemes, "scheme"),
        shape=encode_shape("variant", variants, "variant"),
        opacity=alt.condition(f"datum.front_{cost}", alt.value(1), alt.value(0.6)),
        tooltip=[*build_tooltips(*columns), alt.Tooltip(f"{cost}:Q", title=title)],
    )
    return finish_panel(
        intervals + front + points, f"accuracy vs {title}", f"Accuracy against {title}."
    )
