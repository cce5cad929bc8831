"""Writes figures as SVG, PNG and CSV files."""

from pathlib import Path
from typing import Any

import vl_convert

from snugnet.core.csv_files import write_rows
from snugnet.report.figure import Figure

# Width of a panel in pixels.
WIDTH = 420
GREY, BLACK = "#d9d9d9", "#222222"
CONFIG = {
    "background": "white",
    "font": "sans-serif",
    "axis": {
        "gridColor": GREY,
        "labelColor": BLACK,
        "titleColor": BLACK,
        "titleFontWeight": "normal",
    },
    "legend": {
        "orient": "bottom",
        "columns": 3,
        "labelLimit": 260,
        "symbolLimit": 60,
        "layout": {"bottom": {"anchor": "start", "direction": "vertical"}},
    },
    "title": {"anchor": "start", "fontWeight": "normal", "color": BLACK},
    "line": {"color": BLACK},
    "rule": {"color": BLACK},
    "text": {"color": BLACK},
}


def draw(figure: Figure, folder: Path) -> None:
    """Write a figure as {name}.svg, {name}.png and {name}.csv.

    Args:
        figure: The figure.
        folder: Folder of the files.
    """
    write_rows(figure.rows, folder / f"{figure.name}.csv")
    svg = vl_convert.vegalite_to_svg(build_specification(figure))
    (folder / f"{figure.name}.svg").write_text(svg)
    (folder / f"{figure.name}.png").write_bytes(vl_convert.svg_to_png(svg))


def build_specification(figure: Figure) -> dict[str, Any]:
    """Build the Vega-Lite specification of a figure: its panels in two columns, and its table."""
    return {
        "title": {"text": figure.title, "fontSize": 15},
        "data": {"name": "rows"},
        "datasets": {"rows": list(figure.rows)},
        "concat": [_set_width(panel) for panel in figure.panels],
        "columns": 2,
        "config": CONFIG,
    }


def _set_width(panel: Any) -> dict[str, Any]:
    """Return a panel with a fixed width and without data of its own."""
    return {name: value for name, value in {**panel, "width": WIDTH}.items() if name != "data"}
