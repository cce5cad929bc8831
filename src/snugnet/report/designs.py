"""Figures of design spaces: the factorizations that were considered for each network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import altair as alt

from snugnet.core.paths import ResultPath
from snugnet.report.collect import ReportData
from snugnet.report.figure import (
    Figure,
    Panel,
    build_tooltips,
    encode_colour,
    encode_shape,
    finish_panel,
    start_chart,
    to_percent,
)
from snugnet.report.files import to_records


@dataclass(frozen=True)
class DesignRow:
    """A factorization of a network: a row of design_space.csv.

    Attributes:
        point: Number of the design in the settings of a variant; None if it was not trained.
        parameters: Number of parameters.
        macs: Number of multiply-accumulates.
        weight_error: Error of the factorized weights.
        val_accuracy: Accuracy on val after some epochs, in per cent; None if it was not trained.
        layers: Settings of the layers, as JSON.
    """

    point: int | None
    parameters: int
    macs: int
    weight_error: float
    val_accuracy: float | None
    layers: str

    @classmethod
    def from_columns(cls, values: Mapping[str, Any]) -> Self:
        """Read the row from values by column."""
        return cls(
            point=None if values["point"] is None else int(values["point"]),
            parameters=values["parameters"],
            macs=values["macs"],
            weight_error=values["weight_error"],
            val_accuracy=to_percent(values["val_accuracy"]),
            layers=values["layers"],
        )

    @property
    def is_trained(self) -> bool:
        """Whether the design was trained for some epochs."""
        return self.val_accuracy is not None

    def to_columns(self) -> dict[str, Any]:
        """Return the row of the figure's table."""
        return {
            "point": self.point,
            "trained": "trained" if self.is_trained else "not trained",
            "parameters": self.parameters,
            "macs": self.macs,
            "weight error": self.weight_error,
            "val accuracy": self.val_accuracy,
            "layers": self.layers,
        }


def build_figures(study: ReportData) -> list[Figure]:
    """Build one figure for each design space of the study."""
    figures = []
    for path, wildcards in study.files.find(ResultPath.DESIGN_SPACE).items():
        network = f"{wildcards['model']}/{wildcards['variant']}"
        table = study.files.read_table(path)
        if table is not None and len(table):
            designs = [DesignRow.from_columns(row) for row in to_records(table)]
            figures.append(_build_figure(network, designs))
    return figures


def _build_figure(network: str, designs: Sequence[DesignRow]) -> Figure:
    trained = sum(design.is_trained for design in designs)
    return Figure(
        f"designs_{network.replace('/', '_')}",
        "designs",
        network,
        f"Design space of {network}",
        f"{len(designs)} factorizations of {network} on the Pareto front of parameters and "
        "multiply-accumulates, with the error of their weights. Of these, "
        f"{trained} were trained for some epochs. The number of a design selects it in the "
        "settings of a variant. Accuracy is measured on val.",
        [design.to_columns() for design in designs],
        [_build_error_panel(), _build_accuracy_panel()],
    )


@cache
def _build_error_panel() -> Panel:
    points = (
        start_chart()
        .mark_point(filled=True, size=40, opacity=0.7)
        .encode(
            x=alt.X("parameters:Q", scale=alt.Scale(type="log", nice=False, padding=12)),
            y=alt.Y("weight error:Q", title="weight error", scale=alt.Scale(zero=False)),
            color=encode_colour("trained", ("not trained", "trained"), ""),
            shape=encode_shape("trained", ("not trained", "trained"), ""),
            tooltip=build_tooltips(
                "point", "parameters", "macs", "weight error", "val accuracy", "layers"
            ),
        )
    )
    return finish_panel(points, "weight error", "Weight error against parameters.")


@cache
def _build_accuracy_panel() -> Panel:
    base = (
        start_chart()
        .transform_filter("isValid(datum['val accuracy'])")
        .encode(
            x=alt.X("parameters:Q", scale=alt.Scale(type="log", nice=False, padding=18)),
            y=alt.Y("val accuracy:Q", title="val accuracy [%]", scale=alt.Scale(zero=False)),
        )
    )
    points = base.mark_point(filled=True, size=70, color="#E69F00").encode(
        tooltip=build_tooltips("point", "parameters", "macs", "val accuracy", "layers")
    )
    numbered = base.transform_filter("isValid(datum.point)")
    numbers = numbered.mark_text(dy=-11).encode(text="point:Q")
    return finish_panel(
        points + numbers, "val accuracy after some epochs", "Accuracy on val against parameters."
    )
