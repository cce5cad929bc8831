"""Figures of design spaces: the factorizations that were considered for each network."""

from functools import cache
from typing import Any

import altair as alt

from snugnet.report.collect import Study
from snugnet.report.figure import (
    Figure,
    build_tooltips,
    encode_colour,
    encode_shape,
    finish_panel,
    start_chart,
    to_percent,
)
from snugnet.report.files import to_records


def build_figures(study: Study) -> list[Figure]:
    """Build one figure for each design space of the study."""
    figures = []
    for path in study.files.find("models", "design_space.csv"):
        model, variant = path.split("/")[1:3]
        table = study.files.read_table(path)
        if table is not None and len(table):
            figures.append(_build_figure(f"{model}/{variant}", to_records(table)))
    return figures


def _build_figure(network: str, designs: list[dict[str, Any]]) -> Figure:
    rows = [
        {
            "point": None if design["point"] is None else int(design["point"]),
            "trained": "trained" if design["val_accuracy"] is not None else "not trained",
            "parameters": design["parameters"],
            "macs": design["macs"],
            "weight error": design["weight_error"],
            "val accuracy": to_percent(design["val_accuracy"]),
            "layers": design["layers"],
        }
        for design in designs
    ]
    trained = sum(row["trained"] == "trained" for row in rows)
    return Figure(
        f"designs_{network.replace('/', '_')}",
        "designs",
        network,
        f"Design space of {network}",
        f"{len(rows)} factorizations of {network} on the Pareto front of parameters and "
        "multiply-accumulates, with the error of their weights. Of these, "
        f"{trained} were trained for some epochs. The number of a design selects it in the "
        "settings of a variant. Accuracy is measured on val.",
        rows,
        [_build_error_panel(), _build_accuracy_panel()],
    )


@cache
def _build_error_panel() -> dict[str, Any]:
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
def _build_accuracy_panel() -> dict[str, Any]:
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
