"""The `Figure` dataclass, and the palettes, encodings and panels that all figures share.

A panel is a Vega-Lite specification, built with Altair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

# The palette of Okabe and Ito, which is distinguishable with any kind of colour vision. Black is
# replaced by grey, because black is invisible on a dark page. The palest colour comes last.
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
# From loss (orange) over no difference (white) to gain (blue).
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

# Height of a panel in pixels.
HEIGHT = 220

# A panel: a Vega-Lite specification in JSON, without data.
Panel = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes:
        name: Base name of the figure's files.
        section: Section of the page that shows the figure.
        subject: Model, dataset or network that the figure is about; the page has a selector for it.
        title: Short title.
        caption: Explanation of the figure, also for readers who cannot see it.
        rows: The table that all panels draw, and the content of the figure's CSV file.
        panels: Vega-Lite specifications without data; they refer to the table as `rows`.
    """

    name: str
    section: str
    subject: str
    title: str
    caption: str
    rows: Sequence[Mapping[str, Any]]
    panels: Sequence[Panel]


def start_chart() -> alt.Chart:
    """Create an Altair chart of the figure's table `rows`."""
    return alt.Chart(alt.NamedData("rows"))


def finish_panel(chart: alt.Chart | alt.LayerChart, title: str, description: str) -> Panel:
    """Convert a chart to a panel as wide as the page allows.

    Args:
        chart: The chart.
        title: Title of the panel.
        description: Text for screen readers.

    Returns:
        The Vega-Lite specification, without `config` and `$schema`.
    """
    finished = chart.properties(
        title=title, description=description, width="container", height=HEIGHT
    )
    # Altair has validated each part when it was built; validating again would double the time.
    spec: Panel = finished.to_dict(validate=False)
    return {name: value for name, value in spec.items() if name not in ("config", "$schema")}


def encode_colour(field: str, names: Sequence[str], title: str, columns: int = 0) -> alt.Color:
    """Encode names as colours, the same colour for a name in every panel.

    Args:
        field: Column of the table.
        names: All values of the column, in the order of the palette.
        title: Title of the legend.
        columns: Number of columns of the legend, for long names; 0 for the default number.
    """
    legend = alt.Legend(columns=columns, labelLimit=300) if columns else alt.Undefined
    scale = alt.Scale(domain=list(names), range=_repeat(CATEGORIES, len(names)))
    return alt.Color(f"{field}:N", title=title, scale=scale, legend=legend)


def encode_shape(field: str, names: Sequence[str], title: str) -> alt.Shape:
    """Encode names as shapes, for readers who cannot distinguish the colours.

    Args:
        field: Column of the table.
        names: All values of the column, in the order of the shapes.
        title: Title of the legend.
    """
    scale = alt.Scale(domain=list(names), range=_repeat(SHAPES, len(names)))
    return alt.Shape(f"{field}:N", title=title, scale=scale)


def encode_dash(field: str, names: Sequence[str], title: str) -> alt.StrokeDash:
    """Encode names as dash patterns of lines.

    Args:
        field: Column of the table.
        names: All values of the column, in the order of the patterns.
        title: Title of the legend.
    """
    scale = alt.Scale(domain=list(names), range=_repeat(DASHES, len(names)))
    return alt.StrokeDash(f"{field}:N", title=title, scale=scale)


def build_tooltips(*names: str) -> list[alt.Tooltip]:
    """Build tooltips that show columns unformatted: all are declared nominal."""
    return [alt.Tooltip(field=name, type="nominal") for name in names]


def _repeat(values: Sequence[Any], count: int) -> list[Any]:
    """Return `count` values; start again from the first after the last."""
    return [values[index % len(values)] for index in range(count)]


def list_values(rows: Sequence[Mapping[str, Any]], field: str) -> tuple[str, ...]:
    """List the values of a field, each once, in order."""
    return tuple(dict.fromkeys(row[field] for row in rows))


def to_percent(fraction: float | None) -> float | None:
    """Convert a fraction to per cent with two decimals; None stays None."""
    return None if fraction is None else round(100 * fraction, 2) + 0.0
