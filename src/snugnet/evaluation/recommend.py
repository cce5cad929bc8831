"""Recommended models: the smallest model that is not significantly worse than the best."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from snugnet.evaluation.table import choose_arrow

Row = Mapping[str, Any]


class Choice(NamedTuple):
    """The recommended and the most accurate model of a dataset, as rows of the results.

    Attributes:
        dataset: Name of the dataset.
        recommended: Row of the smallest file that is not significantly worse than the best.
        most_accurate: Row of the most accurate file; of several, the smallest.
    """

    dataset: str
    recommended: Row
    most_accurate: Row


def recommend(rows: Sequence[Row]) -> list[Choice]:
    """Choose a model for each dataset that has a measured cell.

    Args:
        rows: The rows of metrics.csv; a missing value is None.

    Returns:
        One choice for each dataset, in the order of the rows.
    """
    cells: dict[str, list[Row]] = {}
    for row in rows:
        measured = cells.setdefault(row["dataset"], [])
        # A quantized Keras model is an intermediate step: its Akida program is what is deployed.
        if row["status"] == "ok" and row["runtime"] != "keras":
            measured.append(row)
    return [Choice(dataset, *choose(measured)) for dataset, measured in cells.items() if measured]


def choose(measured: Sequence[Row]) -> tuple[Row, Row]:
    """Choose the recommended and the most accurate of a dataset's measured cells.

    Args:
        measured: Rows of the measured cells. Cells of unknown size are ignored if any size is
            known.

    Returns:
        Two rows. The first is the smallest cell whose interval reaches the accuracy of the most
        accurate cell and which is not significantly worse than float32. If there is none, it is the
        most accurate cell. The second is the most accurate cell.
    """
    sized = [row for row in measured if row["size_bytes"] is not None] or list(measured)
    top = max(sized, key=lambda row: (row["accuracy"], -(row["size_bytes"] or 0)))
    candidates = [
        row
        for row in sized
        if row["accuracy_high"] is not None
        and row["accuracy_high"] >= top["accuracy"]
        and choose_arrow(row["delta_float"], row["p_holm"]) != "↓"
    ]
    smallest = min(candidates or [top], key=lambda row: (row["size_bytes"] or 0, -row["accuracy"]))
    return smallest, top
