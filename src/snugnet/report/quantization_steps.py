"""Figures of the cost of each quantization step."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt

from snugnet.core.quantization_steps import STEPS
from snugnet.evaluate.table import arrow
from snugnet.report.collect import Study, address
from snugnet.report.figure import Figure, chart, colour, names_of, panel, percent, tips


def figures(study: Study) -> list[Figure]:
    """Draw the steps of each model; nothing where no row has them."""
    found = []
    for model in study.models:
        rows = steps([row for row in study.measured if row["model"] == model])
        if rows:
            found.append(_figure(model, rows))
    return found


def steps(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """List the quantization steps of the cells whose previous scheme is in the study."""
    return [
        {
            "cell": address(row),
            "variant": row["variant"],
            "scheme": row["scheme"],
            "step": step_name(row["scheme"]),
            "points": percent(row["delta_rung"]),
            "low": percent(row["delta_rung_low"]),
            "high": percent(row["delta_rung_high"]),
            "p (Holm)": None if row["p_rung_holm"] is None else float(f"{row['p_rung_holm']:.3g}"),
            "verdict": arrow(row["delta_rung"], row["p_rung_holm"]),
        }
        for row in cells
        if row["delta_rung"] is not None
    ]


def step_name(scheme: str) -> str:
    """Name a quantization step: what it quantizes, and the scheme that it leads to."""
    return f"{STEPS[scheme].quantized}: {scheme}"


def _figure(model: str, rows: Sequence[Mapping[str, Any]]) -> Figure:
    return Figure(
        name=f"ladder_{model}",
        section="quantization_steps",
        subject=model,
        title=f"What each step costs {model}",
        caption=(
            "Difference in accuracy, in points, that each step of quantization after training "
            "makes: weights in int8, activations too, input and output too. To the left is loss; "
            "thin lines are intervals. Its figures say where the paired test finds a difference."
        ),
        rows=rows,
        panels=[_panel(names_of(rows, "variant"), names_of(rows, "step"))],
    )


@cache
def _panel(variants: tuple[str, ...], steps: tuple[str, ...]) -> dict[str, Any]:
    base = chart().encode(
        y=alt.Y("variant:N", sort=list(variants), title=None, axis=alt.Axis(labelLimit=180)),
        yOffset=alt.YOffset("step:N", sort=list(steps)),
    )
    bars = base.mark_bar(cursor="pointer").encode(
        x=alt.X("points:Q", title="difference in accuracy (points)"),
        color=colour("step", steps, "step", columns=1),
        tooltip=tips("variant", "scheme", "step", "points", "low", "high", "p (Holm)", "verdict"),
    )
    intervals = base.mark_rule().encode(x="low:Q", x2="high:Q")
    drawn = panel(bars + intervals, "", "Points of accuracy that each step costs each variant.")
    return {**drawn, "height": 40 + 16 * len(variants) * len(steps)}
