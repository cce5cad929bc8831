"""Design spaces: what was considered before a network was factorized."""

from functools import cache
from typing import Any

import altair as alt

from snugnet.report.collect import Study
from snugnet.report.figure import Figure, chart, colour, panel, percent, shape, tips
from snugnet.report.files import records


def figures(study: Study) -> list[Figure]:
    """Draw each design space that the study made."""
    found = []
    for path in study.files.named("models", "design_space.csv"):
        model, variant = path.split("/")[1:3]
        table = study.files.table(path)
        if table is not None and len(table):
            found.append(_figure(f"{model}/{variant}", records(table)))
    return found


def _figure(network: str, designs: list[dict[str, Any]]) -> Figure:
    rows = [
        {
            "point": None if design["point"] is None else int(design["point"]),
            "trained": "trained" if design["val_accuracy"] is not None else "not trained",
            "parameters": design["parameters"],
            "macs": design["macs"],
            "weight error": design["weight_error"],
            "val accuracy": percent(design["val_accuracy"]),
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
        f"Ways to factorize {network}: {len(rows)} that no other one beats in parameters and "
        f"multiply-accumulates, by the error of their weights; {trained} were trained for some "
        "epochs. Numbers are the points that a variant may ask for. Accuracy is that on val.",
        rows,
        [_errors(), _finalists()],
    )


@cache
def _errors() -> dict[str, Any]:
    drawn = (
        chart()
        .mark_point(filled=True, size=40, opacity=0.7)
        .encode(
            x=alt.X("parameters:Q", scale=alt.Scale(type="log", nice=False, padding=12)),
            y=alt.Y("weight error:Q", title="error of the weights", scale=alt.Scale(zero=False)),
            color=colour("trained", ("not trained", "trained"), ""),
            shape=shape("trained", ("not trained", "trained"), ""),
            tooltip=tips("point", "parameters", "macs", "weight error", "val accuracy", "layers"),
        )
    )
    return panel(drawn, "error of the weights", "Error of the weights against parameters.")


@cache
def _finalists() -> dict[str, Any]:
    base = (
        chart()
        .transform_filter("isValid(datum['val accuracy'])")
        .encode(
            x=alt.X("parameters:Q", scale=alt.Scale(type="log", nice=False, padding=18)),
            y=alt.Y("val accuracy:Q", title="accuracy on val (%)", scale=alt.Scale(zero=False)),
        )
    )
    points = base.mark_point(filled=True, size=70, color="#E69F00").encode(
        tooltip=tips("point", "parameters", "macs", "val accuracy", "layers")
    )
    named = base.transform_filter("isValid(datum.point)")
    numbers = named.mark_text(dy=-11).encode(text="point:Q")
    return panel(points + numbers, "after some epochs", "Accuracy on val against parameters.")
