"""The results matrix: what each scheme costs each variant of each model."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from snugnet.evaluation.table import how
from snugnet.report.collect import Study, address
from snugnet.report.figure import DIVERGING, Figure, chart, panel, percent

# The colours end here, in points: beyond it figures tell more than shades.
LIMIT = 5.0


def shade(points: float) -> str:
    """Give the colour of a difference in points, between the nearest two of the palette."""
    place = (min(max(points, -LIMIT), LIMIT) + LIMIT) / (2 * LIMIT) * (len(DIVERGING) - 1)
    index = min(int(place), len(DIVERGING) - 2)
    low, high = (_channels(DIVERGING[i]) for i in (index, index + 1))
    mixed = [round(a + (b - a) * (place - index)) for a, b in zip(low, high, strict=True)]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def ink(background: str) -> str:
    """Give black or white, whichever is easier to read on a colour (WCAG's relative luminance)."""
    parts = [channel / 255 for channel in _channels(background)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Where both contrasts are equal.
    return "#000000" if luminance > 0.179 else "#ffffff"


def _channels(colour: str) -> Sequence[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def figures(study: Study) -> list[Figure]:
    """Draw the matrix for a file; the page has it as a table."""
    rows = [
        {
            "cell": address(row),
            "network": f"{row['model']} {row['variant']}",
            "scheme": how(row["scheme"], row["runtime"]),
            "points": percent(row["delta_float"]),
        }
        for row in study.measured
    ]
    if not rows:
        return []
    drawn = _drawn(len({row["network"] for row in rows}))
    caption = (
        "Difference in accuracy from the float32 file of the same network, in points; the colours "
        f"end at {LIMIT:g}."
    )
    title = "Difference from float"
    return [Figure("matrix", "matrix", "", title, caption, rows, [drawn])]


def _dark_ends() -> tuple[float, float]:
    """Give the loss and the gain beyond which numbers are white."""
    steps = [step / 100 for step in range(int(100 * LIMIT))]
    black = [[sign * s for s in steps if ink(shade(sign * s)) == "#000000"] for sign in (-1, 1)]
    return min(black[0]), max(black[1])


def _drawn(networks: int) -> dict[str, Any]:
    scale = alt.Scale(domain=[-LIMIT, LIMIT], range=list(DIVERGING), clamp=True)
    base = chart().encode(
        x=alt.X("scheme:N", sort=None, title=None, axis=alt.Axis(orient="top", labelAngle=-40)),
        y=alt.Y("network:N", sort=None, title=None, axis=alt.Axis(labelLimit=400)),
    )
    cells = base.mark_rect().encode(color=alt.Color("points:Q", title="points", scale=scale))
    low, high = _dark_ends()
    dark = f"datum.points < {low} || datum.points > {high}"
    numbers = base.mark_text(fontSize=10).encode(
        text=alt.Text("points:Q", format="+.2f"),
        color=alt.condition(dark, alt.value("white"), alt.value("black")),
    )
    made = panel(cells + numbers, "", "Difference in accuracy from float, in points.")
    return {**made, "height": 18 * networks}
