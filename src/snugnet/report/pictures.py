"""The figures as files: SVG, PNG and CSV."""

from pathlib import Path
from typing import Any

import vl_convert

from snugnet.core.csv_files import write_rows
from snugnet.report.figure import Figure

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
    """Write a figure's three files into a folder."""
    write_rows(figure.rows, folder / f"{figure.name}.csv")
    svg = vl_convert.vegalite_to_svg(specification(figure))
    (folder / f"{figure.name}.svg").write_text(svg)
    (folder / f"{figure.name}.png").write_bytes(vl_convert.svg_to_png(svg))


def specification(figure: Figure) -> dict[str, Any]:
    """Put the panels of a figure side by side, with their table."""
    return {
        "title": {"text": figure.title, "fontSize": 15},
        "data": {"name": "rows"},
        "datasets": {"rows": list(figure.rows)},
        "concat": [_panel(panel) for panel in figure.panels],
        "columns": 2,
        "config": CONFIG,
    }


def _panel(panel: Any) -> dict[str, Any]:
    return {name: value for name, value in {**panel, "width": WIDTH}.items() if name != "data"}
