"""The requirement `fits`: one cell of each dataset fits a microcontroller."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snugnet.core.fractions import FRACTION_TOLERANCE, format_points
from snugnet.core.microcontrollers import name_column
from snugnet.core.settings.gate import MeasurableFits
from snugnet.evaluation.rows import cell_name

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Excess:
    """A figure of a cell beyond its limit.

    Attributes:
        text: The figure, for messages.
        ratio: The figure divided by the limit; infinite if it is unknown.
    """

    text: str
    ratio: float


def describe_fits(fits: MeasurableFits) -> str:
    """Describe the requirement."""
    return f"one cell of each dataset fits {fits.target}: {describe_limits(fits)}"


def describe_limits(fits: MeasurableFits) -> str:
    """Describe the limits of a microcontroller."""
    limits = [
        ("flash", fits.flash and _format_bytes(fits.flash)),
        ("RAM", fits.ram and _format_bytes(fits.ram)),
        ("instructions", fits.instructions and f"{fits.instructions:,}"),
        (
            "accuracy drop",
            None if fits.accuracy_drop is None else f"{fits.accuracy_drop:g} points",
        ),
    ]
    return ", ".join(f"{name} at most {limit}" for name, limit in limits if limit is not None)


def find_misfits(rows: Sequence[Row], fits: MeasurableFits) -> Iterator[str]:
    """Yield a message for each dataset without a cell that fits.

    Args:
        rows: Rows of full-integer cells, with `dataset`.
        fits: The limits.
    """
    datasets: dict[str, list[Row]] = {}
    for row in rows:
        datasets.setdefault(row["dataset"], []).append(row)
    for dataset, cells in datasets.items():
        excesses = {cell_name(row): list_excesses(row, fits) for row in cells}
        if all(excesses.values()):
            nearest = min(excesses, key=lambda name: max(e.ratio for e in excesses[name]))
            texts = "; ".join(excess.text for excess in excesses[nearest])
            yield f"{dataset}: no cell fits {fits.target}; the nearest is {nearest}: {texts}"


def list_excesses(row: Row, fits: MeasurableFits) -> list[Excess]:
    """List the figures of a cell that are beyond the limits, or unknown; empty if it fits."""
    if row["status"] != "ok":
        return [Excess(f"status {row['status']}", float("inf"))]
    excesses = []
    for figure, limit, text in (
        ("flash_bytes", fits.flash, _format_bytes),
        ("ram_bytes", fits.ram, _format_bytes),
        ("instructions", fits.instructions, "{:,.0f}".format),
    ):
        value: int | None = row.get(name_column(figure, fits.target))
        name = figure.removesuffix("_bytes").replace("ram", "RAM")
        if limit is None:
            continue
        if value is None:
            excesses.append(Excess(f"{name} not measured", float("inf")))
        elif value > limit:
            excesses.append(Excess(f"{name} {text(value)}", value / limit))
    return excesses + _list_drops(row, fits)


def _list_drops(row: Row, fits: MeasurableFits) -> list[Excess]:
    drop, limit = row.get("delta_float"), fits.accuracy_drop
    if limit is None or drop is None or row.get("has_errors"):
        return []
    if 100 * drop >= -limit - FRACTION_TOLERANCE:
        return []
    text = f"accuracy differs from float32 by {format_points(drop)} points"
    return [Excess(text, -100 * drop / limit if limit else float("inf"))]


def _format_bytes(size: float) -> str:
    return f"{size / 1024:.1f} KiB"
