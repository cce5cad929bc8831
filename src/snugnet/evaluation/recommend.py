"""Recommended models: the smallest file of a dataset that is about as accurate as the best one."""

from collections.abc import Sequence
from typing import NamedTuple

from snugnet.evaluation.headline import is_loss
from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.table import choose_arrow


class Choice(NamedTuple):
    """The recommended and the most accurate model of a dataset, as rows of the results.

    Attributes:
        dataset: Name of the dataset.
        recommended: Row of the recommended file; see `choose`.
        most_accurate: Row of the most accurate file; of several, the smallest.
    """

    dataset: str
    recommended: ResultRow
    most_accurate: ResultRow


def describe_rule(headline: str = "accuracy") -> str:
    """Describe how `choose` chooses. The documentation has the same words.

    Args:
        headline: Name of the figure by which cells are compared.
    """
    return (
        f"the smallest file whose confidence interval reaches the {headline} of the best, and "
        "that is not significantly worse than float32"
    )


def recommend(rows: Sequence[ResultRow]) -> list[Choice]:
    """Choose a model for each dataset that has a measured cell.

    Args:
        rows: The rows of metrics.csv.

    Returns:
        One choice for each dataset, in the order of the rows.

    Raises:
        InputError: If a measured cell has no accuracy.
    """
    cells: dict[str, list[ResultRow]] = {}
    for row in rows:
        measured = cells.setdefault(row.dataset, [])
        # A quantized Keras model is an intermediate step: its Akida program is what is deployed.
        if row.is_measured and row.runtime != "keras":
            measured.append(row)
    return [Choice(dataset, *choose(measured)) for dataset, measured in cells.items() if measured]


def choose(measured: Sequence[ResultRow]) -> tuple[ResultRow, ResultRow]:
    """Choose the recommended and the most accurate of a dataset's measured cells.

    Args:
        measured: Rows of the measured cells. Cells of unknown size are ignored if any size is
            known.

    Returns:
        Two rows. The first is the smallest cell whose interval reaches the accuracy of the most
        accurate cell and which is not significantly worse than float32. If there is none, it is the
        most accurate cell. The second is the most accurate cell.

    Raises:
        InputError: If a cell has no accuracy.
    """
    sized = [row for row in measured if row.size_bytes is not None] or list(measured)
    top = max(sized, key=lambda row: (row.headline.rank, -(row.size_bytes or 0)))
    candidates = [
        row
        for row in sized
        if row.headline.best_rank is not None
        and row.headline.best_rank >= top.headline.rank
        and not _is_worse_than_float(row)
    ]
    smallest = min(candidates or [top], key=lambda row: (row.size_bytes or 0, -row.headline.rank))
    return smallest, top


def _is_worse_than_float(row: ResultRow) -> bool:
    """Check whether a cell is significantly worse than float32."""
    if row.delta_float is None or not is_loss(row.delta_float, row.headline.is_error):
        return False
    return choose_arrow(row.delta_float, row.p_holm) in ("↓", "↑")
