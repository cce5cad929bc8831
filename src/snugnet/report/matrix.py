"""Figure and colours of the results matrix: the accuracy that each scheme costs each variant."""

from collections.abc import Sequence

import altair as alt

from snugnet.evaluation.table import format_scheme
from snugnet.report.collect import ReportData
from snugnet.report.figure import DIVERGING, Figure, Panel, finish_panel, start_chart, to_percent

# Differences in points at which the colours saturate.
LIMIT = 5.0


def pick_background(points: float) -> str:
    """Return the colour of a difference, interpolated between the nearest two of the palette.

    Args:
        points: Difference in accuracy, in points; clipped to ±`LIMIT`.

    Returns:
        The colour as `#rrggbb`.
    """
    place = (min(max(points, -LIMIT), LIMIT) + LIMIT) / (2 * LIMIT) * (len(DIVERGING) - 1)
    index = min(int(place), len(DIVERGING) - 2)
    low, high = (_split_channels(DIVERGING[i]) for i in (index, index + 1))
    mixed = [round(a + (b - a) * (place - index)) for a, b in zip(low, high, strict=True)]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def pick_text_colour(background: str) -> str:
    """Return black or white, the one with the higher contrast (WCAG's relative luminance).

    Args:
        background: A colour as `#rrggbb`.
    """
    parts = [channel / 255 for channel in _split_channels(background)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # At this luminance, black and white have the same contrast.
    return "#000000" if luminance > 0.179 else "#ffffff"


def _split_channels(colour: str) -> Sequence[int]:
    """Return red, green and blue of `#rrggbb`, each 0 to 255."""
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def build_figures(study: ReportData) -> list[Figure]:
    """Build the matrix for the figure files; the page shows it as a table."""
    rows = [
        {
            "cell": row.address,
            "network": f"{row.model} {row.variant}",
            "scheme": format_scheme(row.scheme, row.runtime),
            "points": to_percent(row.delta_float),
        }
        for row in study.measured
        if row.accuracy is not None  # an error has no points
    ]
    if not rows:
        return []
    panel = _build_panel(len({row["network"] for row in rows}))
    caption = (
        "Difference in accuracy from the float32 file of the same network, in points. The colours "
        f"saturate at {LIMIT:g} points."
    )
    title = "Accuracy difference from float32"
    return [Figure("matrix", "matrix", "", title, caption, rows, [panel])]


def _find_black_text_range() -> tuple[float, float]:
    """Return the lowest and the highest difference whose text is black."""
    steps = [step / 100 for step in range(int(100 * LIMIT))]
    losses, gains = (
        [sign * s for s in steps if pick_text_colour(pick_background(sign * s)) == "#000000"]
        for sign in (-1, 1)
    )
    return min(losses), max(gains)


def _build_panel(networks: int) -> Panel:
    scale = alt.Scale(domain=[-LIMIT, LIMIT], range=list(DIVERGING), clamp=True)
    base = start_chart().encode(
        x=alt.X("scheme:N", sort=None, title=None, axis=alt.Axis(orient="top", labelAngle=-40)),
        y=alt.Y("network:N", sort=None, title=None, axis=alt.Axis(labelLimit=400)),
    )
    cells = base.mark_rect().encode(color=alt.Color("points:Q", title="points", scale=scale))
    low, high = _find_black_text_range()
    is_dark = f"datum.points < {low} || datum.points > {high}"
    numbers = base.mark_text(fontSize=10).encode(
        text=alt.Text("points:Q", format="+.2f"),
        color=alt.condition(is_dark, alt.value("white"), alt.value("black")),
    )
    panel = finish_panel(cells + numbers, "", "Difference in accuracy from float32, in points.")
    return {**panel, "height": 18 * networks}
