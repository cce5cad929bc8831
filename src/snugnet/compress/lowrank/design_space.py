"""The file of a design space: one low-rank design a line, the best ones numbered."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write

COLUMNS = ("point", "finalist", "parameters", "macs", "weight_error", "val_accuracy", "layers")


@dataclass(frozen=True)
class Design:
    """A low-rank form of a model.

    Attributes:
        point: Its number among those that no other beats, from the smallest; None for others.
        finalist: Whether it was to be trained.
        requests: What is done with each layer, as `factorize` takes it.
        parameters: Of the whole model.
        macs: Multiply-accumulates of one sample.
        weight_error: Root of the sum of the layers' squared relative errors.
        val_accuracy: After brief training; None where there was none.
    """

    point: int | None
    finalist: bool
    requests: Mapping[str, Mapping[str, Any]]
    parameters: int
    macs: int
    weight_error: float
    val_accuracy: float | None


def save_designs(designs: Sequence[Design], path: str) -> None:
    """Write designs as CSV with the columns `COLUMNS`; `layers` is JSON."""
    with atomic_write(path) as partial, partial.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for design in designs:
            writer.writerow(
                (
                    "" if design.point is None else design.point,
                    "yes" if design.finalist else "",
                    design.parameters,
                    design.macs,
                    f"{design.weight_error:.6f}",
                    "" if design.val_accuracy is None else f"{design.val_accuracy:.6f}",
                    json.dumps(design.requests),
                )
            )


def load_point(path: str, point: int) -> dict[str, Any]:
    """Read what a numbered design asks for.

    Raises:
        InputError: If there is no such number, or the time budget cut the search: numbers would
            then depend on how fast the machine was.
    """
    with Path(path).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    left_out = sum(bool(row["finalist"]) and not row["val_accuracy"] for row in rows)
    if left_out:
        raise InputError(
            f"point: {left_out} finalists of {path} were not trained within the time budget; raise "
            "explore.time_budget, or copy the layers of a design into the variant"
        )
    points = {row["point"]: row["layers"] for row in rows if row["point"]}
    if str(point) not in points:
        allowed = ", ".join(points) or "none"
        raise InputError(f"point: {path} has no point {point}; allowed: {allowed}")
    requests: dict[str, Any] = json.loads(points[str(point)])
    return requests
