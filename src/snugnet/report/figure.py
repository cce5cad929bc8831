"""What a figure is: panels in Vega-Lite that draw one table, and what all of them share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

# Okabe and Ito's palette, which people with any kind of colour vision can tell apart; black, which
# a dark page would swallow, is grey here. The palest comes last.
CATEGORIES = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#888888",
    "#C9B900",
)
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3])
# From loss to gain: orange to blue by way of white.
DIVERGING = (
    "#b35806",
    "#e08214",
    "#fdb863",
    "#fee0b6",
    "#f7f7f7",
    "#d1e5f0",
    "#92c5de",
    "#4393c3",
    "#2166ac",
)

HEIGHT = 220


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes:
        name: Of its files.
        section: Of the page in which it stands.
        subject: What it is about: a model, a dataset or a cell; the page lets one choose.
        title: In a few words.
        caption: What it shows and how it is to be read, for those too who cannot see it.
        rows: The table that all panels draw; also the figure's CSV file.
        panels: Vega-Lite specifications without data; they name the table `rows`.
    """

    name: str
    section: str
    subject: str
    title: str
    caption: str
    rows: Sequence[Mapping[str, Any]]
    panels: Sequence[Mapping[str, Any]]


def chart() -> alt.Chart:
    """Start a chart of the figure's table."""
    return alt.Chart(alt.NamedData("rows"))


def panel(drawn: alt.Chart | alt.LayerChart, title: str, description: str) -> dict[str, Any]:
    """Finish a panel: as wide as the page allows, with a title and a text for screen readers."""
    finished = drawn.properties(
        title=title, description=description, width="container", height=HEIGHT
    )
    # Checked as it was put together; what is checked twice takes twice as long.
    spec: dict[str, Any] = finished.to_dict(validate=False)
    return {name: value for name, value in spec.items() if name not in ("config", "$schema")}


def colour(field: str, names: Sequence[str], title: str, columns: int = 0) -> alt.Color:
    """Give names colours by their place, so that a name has the same one in every panel.

    Args:
        field: The column.
        names: What stands in it.
        title: Of the legend.
        columns: Of the legend, for long names; 0 for as many as suit short ones.
    """
    legend = alt.Legend(columns=columns, labelLimit=300) if columns else alt.Undefined
    scale = alt.Scale(domain=list(names), range=_repeated(CATEGORIES, len(names)))
    return alt.Color(f"{field}:N", title=title, scale=scale, legend=legend)


def shape(field: str, names: Sequence[str], title: str) -> alt.Shape:
    """Give names shapes by their place: colour alone tells nobody anything."""
    scale = alt.Scale(domain=list(names), range=_repeated(SHAPES, len(names)))
    return alt.Shape(f"{field}:N", title=title, scale=scale)


def dash(field: str, names: Sequence[str], title: str) -> alt.StrokeDash:
    """Give names dashes by their place."""
    scale = alt.Scale(domain=list(names), range=_repeated(DASHES, len(names)))
    return alt.StrokeDash(f"{field}:N", title=title, scale=scale)


def tips(*names: str) -> list[alt.Tooltip]:
    """Say which columns are shown of a point: as they are, so that all count as names."""
    return [alt.Tooltip(field=name, type="nominal") for name in names]


def _repeated(values: Sequence[Any], count: int) -> list[Any]:
    return [values[index % len(values)] for index in range(count)]


def names_of(rows: Sequence[Mapping[str, Any]], field: str) -> tuple[str, ...]:
    """List the values of a field, each once, in order."""
    return tuple(dict.fromkeys(row[field] for row in rows))


def percent(value: float | None) -> float | None:
    """Give a fraction in hundredths, to a hundredth of these."""
    return None if value is None else round(100 * value, 2) + 0.0
