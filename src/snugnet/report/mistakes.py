"""Figures of common mistakes in integer inference: the accuracy that each mistake costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

import altair as alt
import numpy as np

from snugnet.core.paths import ResultPath
from snugnet.evaluation.statistics import adjust_holm
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
class MistakeCost:
    """The accuracy that a mistake costs a cell; all shares are in per cent.

    Attributes:
        cell: Variant and scheme of the cell.
        mistake: Name of the mistake.
        description: Description of the mistake.
        n: Number of samples.
        right: Accuracy with correct conversion.
        wrong: Accuracy with the mistake.
        points: Difference in accuracy, in points.
        low: Lower end of its interval; None without one.
        high: Upper end of its interval; None without one.
        p: P-value of the paired test.
        saturated: Share of input values that saturate with correct conversion.
    """

    cell: str
    mistake: str
    description: str
    n: int
    right: float | None
    wrong: float | None
    points: float | None
    low: float | None
    high: float | None
    p: float
    saturated: float | None

    @classmethod
    def from_json(cls, mistake: Mapping[str, Any], cell: str, report: Mapping[str, Any]) -> Self:
        """Read an entry of mistakes.json.

        Args:
            mistake: The entry.
            cell: Variant and scheme of the cell.
            report: Content of the file.
        """
        return cls(
            cell=cell,
            mistake=mistake["name"],
            description=mistake["words"],
            n=report["n"],
            right=to_percent(report["accuracy"]),
            wrong=to_percent(mistake["accuracy"]),
            points=to_percent(mistake["delta"]),
            low=to_percent(mistake["delta_low"]),
            high=to_percent(mistake["delta_high"]),
            p=mistake["p"],
            saturated=to_percent(report["saturated"]),
        )

    def to_columns(self) -> dict[str, Any]:
        """Return the row of the figure's table."""
        return {
            "cell": self.cell,
            "mistake": self.mistake,
            "in words": self.description,
            "n": self.n,
            "right": self.right,
            "wrong": self.wrong,
            "points": self.points,
            "low": self.low,
            "high": self.high,
            "p": self.p,
            "saturated inputs": self.saturated,
        }


def build_figures(study: ReportData) -> list[Figure]:
    """Build one figure for each model whose mistakes were measured."""
    figures = []
    for model in study.models:
        costs = _list_mistakes(study, model)
        if costs:
            figures.append(_build_figure(model, costs))
    return figures


def _list_mistakes(study: ReportData, model: str) -> list[MistakeCost]:
    """List the mistakes of a model's cells; p-values are adjusted within the model (Holm)."""
    costs = []
    for path, wildcards in study.files.find(ResultPath.MISTAKES, model=model).items():
        cell = f"{wildcards['variant']}, {wildcards['scheme']}"
        report = study.files.read_json(path) or {"mistakes": []}
        costs += [MistakeCost.from_json(entry, cell, report) for entry in report["mistakes"]]
    adjusted = adjust_holm(np.array([cost.p for cost in costs]))
    return [replace(cost, p=float(p)) for cost, p in zip(costs, adjusted, strict=True)]


def _build_figure(model: str, costs: Sequence[MistakeCost]) -> Figure:
    descriptions = {cost.mistake: cost.description for cost in costs}
    rows = [cost.to_columns() for cost in costs]
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
def _build_panel(mistakes: tuple[str, ...], cells: tuple[str, ...]) -> Panel:
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
