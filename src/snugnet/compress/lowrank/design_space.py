"""CSV file of a design space: one low-rank design per row, the Pareto-optimal ones numbered."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.core.settings.factorization import LayerFactorization

COLUMNS = ("point", "finalist", "parameters", "macs", "weight_error", "val_accuracy", "layers")


@dataclass(frozen=True)
class Design:
    """A low-rank version of a model.

    Attributes:
        point: Number of a design that is Pareto-optimal among the trained ones, counted from the
            smallest; None for others.
        finalist: Whether the design was selected for training.
        requests: How each layer is factorized, by name of the layer.
        parameters: Number of parameters of the whole model.
        macs: Multiply-accumulates of one sample.
        weight_error: Root of the sum of the squared relative errors of the layers.
        val_accuracy: Accuracy on val after brief training, 0..1; None if it was not trained.
    """

    point: int | None
    finalist: bool
    requests: Mapping[str, LayerFactorization]
    parameters: int
    macs: int
    weight_error: float
    val_accuracy: float | None


def save_designs(designs: Sequence[Design], path: str) -> None:
    """Write designs as CSV with the columns `COLUMNS`; `layers` is JSON.

    Args:
        designs: The designs, one per row.
        path: Path of the CSV file; it is replaced atomically.
    """
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
                    _format_requests(design.requests),
                )
            )


def load_point(path: str, point: int) -> dict[str, LayerFactorization]:
    """Read the requests of a numbered design.

    Args:
        path: A CSV file that `save_designs` wrote.
        point: Number of the design.

    Returns:
        Requests by name of the layer.

    Raises:
        InputError: If there is no such number, or the time budget ended the search early. The
            numbers would then depend on the speed of the machine.
    """
    with Path(path).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    untrained = sum(bool(row["finalist"]) and not row["val_accuracy"] for row in rows)
    if untrained:
        raise InputError(
            f"point: {untrained} finalists of {path} were not trained within the time budget; "
            "raise explore.time_budget, or copy the layers of a design into the variant"
        )
    points = {row["point"]: row["layers"] for row in rows if row["point"]}
    if str(point) not in points:
        allowed = ", ".join(points) or "none"
        raise InputError(f"point: {path} has no point {point}; allowed: {allowed}")
    return _parse_requests(points[str(point)])


def _format_requests(requests: Mapping[str, LayerFactorization]) -> str:
    return json.dumps({name: request.to_json() for name, request in requests.items()})


def _parse_requests(text: str) -> dict[str, LayerFactorization]:
    return {
        name: LayerFactorization.model_validate(request)
        for name, request in json.loads(text).items()
    }
