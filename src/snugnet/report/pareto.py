"""Figures of Pareto fronts: accuracy against the cost on microcontrollers, and against others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt

from snugnet.core.fractions import FRACTION_TOLERANCE
from snugnet.core.microcontrollers import name_column
from snugnet.evaluation.headline import Headline
from snugnet.evaluation.result_row import ResultRow
from snugnet.report.collect import ReportData
from snugnet.report.figure import (
    Figure,
    Panel,
    build_tooltips,
    encode_colour,
    encode_shape,
    finish_panel,
    list_values,
    start_chart,
    to_percent,
)


@dataclass(frozen=True)
class CostAxis:
    """A cost of a cell, which is an axis of the figure.

    Attributes:
        column: Column of metrics.csv.
        factor: Factor from that column to the unit of the axis.
        title: Title of the axis.
    """

    column: str
    factor: float
    title: str


# Costs by their column in the figure's table.
COSTS = {
    "size_kib": CostAxis("size_bytes", 1 / 1024, "file size [KiB]"),
    "arena_kib": CostAxis("arena_bytes", 1 / 1024, "tensor arena of TensorFlow Lite Micro [KiB]"),
    "latency_us": CostAxis("latency_us_median", 1, "median latency on the host [µs]"),
    "mmacs": CostAxis("macs", 1e-6, "multiply-accumulates [millions]"),
}


def list_device_costs(target: str) -> dict[str, CostAxis]:
    """List the costs on a microcontroller by their column in the figure's table."""
    return {
        "flash_kib": CostAxis(
            name_column("flash_bytes", target), 1 / 1024, f"flash on {target} [KiB]"
        ),
        "minstructions": CostAxis(
            name_column("instructions", target), 1e-6, f"instructions on {target} [millions]"
        ),
        "ram_kib": CostAxis(name_column("ram_bytes", target), 1 / 1024, f"RAM on {target} [KiB]"),
    }


@dataclass(frozen=True)
class ParetoPoint:
    """Accuracy and cost of a cell that may be on a Pareto front.

    Attributes:
        cost: Cost; None or 0 if unknown.
        accuracy: Share of correct predictions, in [0, 1]; None if unknown.
        runtime: Runtime of the cell.
    """

    cost: float | None
    accuracy: float | None
    runtime: str


@dataclass(frozen=True)
class Point:
    """A cell in the figure.

    Attributes:
        row: Row of the cell.
        costs: Costs in the units of the axes, by name; None for an unknown cost.
        fronts: Whether the cell is on the Pareto front, by name of the cost.
    """

    row: ResultRow
    costs: Mapping[str, float | None]
    fronts: Mapping[str, bool]

    def to_columns(self) -> dict[str, Any]:
        """Return the row of the figure's table."""
        return {
            "cell": self.row.address,
            "model": self.row.model,
            "variant": self.row.variant,
            "scheme": self.row.scheme,
            "runtime": self.row.runtime,
            "accuracy": _convert_headline(self.row.headline, self.row.headline.value),
            "low": _convert_headline(self.row.headline, self.row.headline.low),
            "high": _convert_headline(self.row.headline, self.row.headline.high),
            **self.costs,
            **{f"front_{name}": on_front for name, on_front in self.fronts.items()},
        }


def build_figures(study: ReportData) -> list[Figure]:
    """Build the figures of each dataset; accuracies of different datasets are not comparable.

    The first ones have the cost on the microcontrollers that the study measured.
    """
    datasets = {
        dataset: [row for row in study.rows if row.dataset == dataset]
        for dataset in study.datasets
        if any(row.dataset == dataset for row in study.measured)
    }
    figures = []
    for target in study.targets:
        costs = list_device_costs(target)
        column = costs["flash_kib"].column
        for dataset, rows in datasets.items():
            cells = [row for row in rows if row.by_column[column] is not None]
            if cells:
                name = f"device_{dataset}_{target.replace('-', '_')}"
                picture = Picture(name, "device", dataset, f"on {target}, {dataset}")
                figures.append(_build_figure(picture, cells, costs, study.confidence))
    for dataset, rows in datasets.items():
        picture = Picture(f"pareto_{dataset}", "pareto", dataset, f"on {dataset}")
        figures.append(_build_figure(picture, rows, COSTS, study.confidence))
    return figures


@dataclass(frozen=True)
class Picture:
    """Where a figure is, and what it shows.

    Attributes:
        name: Name of the figure.
        section: Section of the page.
        dataset: The dataset.
        place: The end of the title.
    """

    name: str
    section: str
    dataset: str
    place: str


def _build_figure(
    picture: Picture, cells: Sequence[ResultRow], axes: Mapping[str, CostAxis], confidence: float
) -> Figure:
    points = _build_points([row for row in cells if row.is_measured], axes)
    rows = [point.to_columns() for point in points]
    costs = [name for name in axes if any(point.costs[name] is not None for point in points)]
    schemes, variants = list_values(rows, "scheme"), list_values(rows, "variant")
    is_error = points[0].row.headline.is_error
    headline = points[0].row.headline.name
    figure, better = headline.capitalize(), "lower" if is_error else "higher"
    return Figure(
        name=picture.name,
        section=picture.section,
        subject=picture.dataset,
        title=f"{figure} and cost {picture.place}",
        caption=(
            f"{figure} on the test split with {100 * confidence:g} % intervals (thin lines). The "
            f"dashed line is the Pareto front: no other cell has a {better} {figure.lower()} at "
            "the same or a lower cost. Intervals overlap, so the order of cells on the front is "
            "not certain. Select a point to open the card of its cell. "
            f"{_count_left_out(len(cells), points, axes)}"
        ),
        rows=rows,
        panels=[_build_panel(name, axes[name], schemes, variants, headline) for name in costs],
    )


def _build_points(rows: Sequence[ResultRow], axes: Mapping[str, CostAxis]) -> list[Point]:
    fronts = {
        name: is_on_front(
            [
                ParetoPoint(row.by_column[cost.column], row.headline.rank, row.runtime)
                for row in rows
            ]
        )
        for name, cost in axes.items()
    }
    return [
        Point(
            row=row,
            costs={
                name: _convert_cost(row.by_column[cost.column], cost.factor)
                for name, cost in axes.items()
            },
            fronts={name: on_front[i] for name, on_front in fronts.items()},
        )
        for i, row in enumerate(rows)
    ]


def _count_left_out(cells: int, points: Sequence[Point], axes: Mapping[str, CostAxis]) -> str:
    """Count the cells that no panel shows, and the cells that one of the panels cannot show."""
    counts = []
    if cells > len(points):
        counts.append(f"{cells - len(points)} of {cells} cells, which are incompatible")
    for name, cost in axes.items():
        missing = sum(point.costs[name] is None for point in points)
        if missing:
            counts.append(f"{missing} with unknown {cost.title}")
    return f"Left out: {'; '.join(counts)}." if counts else "No cell is left out."


def _convert_headline(headline: Headline, value: float | None) -> float | None:
    """Convert an accuracy to percent; an error keeps its unit."""
    return value if headline.is_error else to_percent(value)


def _convert_cost(value: float | None, factor: float) -> float | None:
    """Convert a cost to its unit with four digits; 0 becomes None (no place on a log axis)."""
    return None if not value else float(f"{value * factor:.4g}")


def is_on_front(candidates: Sequence[ParetoPoint]) -> list[bool]:
    """Check for each candidate whether it is on the Pareto front of accuracy and cost.

    A candidate is on the front if no other one has a higher accuracy at the same or a lower cost,
    or the same accuracy at a lower cost. Candidates of unknown cost and those of the runtime
    `keras` are never on the front: the quantized Keras model of an Akida program stays on the host.

    Returns:
        One value for each candidate.
    """
    known = [
        (candidate.cost, candidate.accuracy, i)
        for i, candidate in enumerate(candidates)
        if candidate.cost and candidate.accuracy is not None and candidate.runtime != "keras"
    ]
    tolerance = FRACTION_TOLERANCE * max((abs(accuracy) for _, accuracy, _ in known), default=1)
    front = set()
    best_accuracy, best_cost = -math.inf, math.nan
    for cost, accuracy, i in sorted(known, key=lambda entry: (entry[0], -entry[1])):
        is_better = accuracy > best_accuracy + tolerance
        is_equal = cost == best_cost and accuracy > best_accuracy - tolerance
        if is_better or is_equal:
            front.add(i)
            best_accuracy, best_cost = max(best_accuracy, accuracy), cost
    return [i in front for i in range(len(candidates))]


@cache
def _build_panel(
    cost: str, axis: CostAxis, schemes: tuple[str, ...], variants: tuple[str, ...], headline: str
) -> Panel:
    unit = " [%]" if headline == "accuracy" else ""
    title = axis.title
    base = (
        start_chart()
        .transform_filter(f"isValid(datum.{cost})")
        .encode(
            x=alt.X(f"{cost}:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=12)),
            y=alt.Y("accuracy:Q", title=f"{headline}{unit}", scale=alt.Scale(zero=False)),
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
        intervals + front + points,
        f"{headline} vs {title}",
        f"{headline.capitalize()} against {title}.",
    )
