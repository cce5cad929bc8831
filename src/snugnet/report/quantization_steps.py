"""Figures of the quantization steps: the accuracy that each step costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt

from snugnet.core.quantization_steps import STEPS
from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.table import choose_arrow
from snugnet.report.collect import ReportData
from snugnet.report.figure import (
    Figure,
    Panel,
    build_tooltips,
    encode_colour,
    finish_panel,
    list_values,
    start_chart,
    to_percent,
)


@dataclass(frozen=True)
class StepCost:
    """The accuracy that a quantization step costs a variant.

    Attributes:
        cell: Address of the cell after the step.
        variant: Variant of the cell.
        scheme: Scheme of the cell.
        step: Name of the step.
        points: Difference in accuracy, in points.
        low: Lower end of its interval; None without one.
        high: Upper end of its interval; None without one.
        p_holm: Adjusted p-value; None if the difference was not tested.
        verdict: Arrow of the difference.
    """

    cell: str
    variant: str
    scheme: str
    step: str
    points: float | None
    low: float | None
    high: float | None
    p_holm: float | None
    verdict: str

    def to_columns(self) -> dict[str, Any]:
        """Return the row of the figure's table."""
        return {
            "cell": self.cell,
            "variant": self.variant,
            "scheme": self.scheme,
            "step": self.step,
            "points": self.points,
            "low": self.low,
            "high": self.high,
            "p (Holm)": self.p_holm,
            "verdict": self.verdict,
        }


def build_figures(study: ReportData) -> list[Figure]:
    """Build one figure for each model that has quantization steps."""
    figures = []
    for model in study.models:
        steps = list_steps([row for row in study.measured if row.model == model])
        if steps:
            figures.append(_build_figure(model, steps))
    return figures


def list_steps(cells: Sequence[ResultRow]) -> list[StepCost]:
    """List the quantization steps of cells.

    Args:
        cells: Rows of metrics.csv.

    Returns:
        One cost for each step; a step is left out if the study lacks the scheme before it.
    """
    return [
        StepCost(
            cell=row.address,
            variant=row.variant,
            scheme=row.scheme,
            step=format_step(row.scheme),
            points=to_percent(row.delta_step),
            low=to_percent(row.delta_step_low),
            high=to_percent(row.delta_step_high),
            p_holm=None if row.p_step_holm is None else float(f"{row.p_step_holm:.3g}"),
            verdict=choose_arrow(row.delta_step, row.p_step_holm),
        )
        for row in cells
        if row.delta_step is not None and row.accuracy is not None
    ]


def format_step(scheme: str) -> str:
    """Return the name of a step: the part that it quantizes, and the scheme that results."""
    return f"{STEPS[scheme].quantized}: {scheme}"


def _build_figure(model: str, costs: Sequence[StepCost]) -> Figure:
    rows = [cost.to_columns() for cost in costs]
    return Figure(
        name=f"quantization_steps_{model}",
        section="quantization_steps",
        subject=model,
        title=f"Accuracy cost of each quantization step, {model}",
        caption=(
            "Difference in accuracy, in points, that each PTQ step makes: first weights in int8, "
            "then activations too, then input and output too. Bars to the left are losses. Thin "
            "lines are confidence intervals. The table of this chart shows where the paired test "
            "finds a significant difference."
        ),
        rows=rows,
        panels=[_build_panel(list_values(rows, "variant"), list_values(rows, "step"))],
    )


@cache
def _build_panel(variants: tuple[str, ...], steps: tuple[str, ...]) -> Panel:
    base = start_chart().encode(
        y=alt.Y("variant:N", sort=list(variants), title=None, axis=alt.Axis(labelLimit=180)),
        yOffset=alt.YOffset("step:N", sort=list(steps)),
    )
    bars = base.mark_bar(cursor="pointer").encode(
        x=alt.X("points:Q", title="Δ accuracy [points]"),
        color=encode_colour("step", steps, "step", columns=1),
        tooltip=build_tooltips(
            "variant", "scheme", "step", "points", "low", "high", "p (Holm)", "verdict"
        ),
    )
    intervals = base.mark_rule().encode(x="low:Q", x2="high:Q")
    panel = finish_panel(
        bars + intervals, "", "Points of accuracy that each step costs each variant."
    )
    return {**panel, "height": 40 + 16 * len(variants) * len(steps)}
