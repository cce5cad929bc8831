"""Recommended models: the cheapest file of a dataset that is about as accurate as the best one."""

from collections.abc import Sequence
from typing import NamedTuple

from snugnet.evaluation.headline import is_loss
from snugnet.evaluation.result_row import ResultRow, list_measured_targets
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


def describe_rule(headline: str = "accuracy", target: str | None = None) -> str:
    """Describe how `choose` chooses. The documentation has the same words.

    Args:
        headline: Name of the figure by which cells are compared.
        target: The microcontroller whose flash is the cost; None if the size of the file is.
    """
    what = "the smallest file"
    if target is not None:
        what = f"the full-integer file whose C code has the least flash on {target} and"
    return (
        f"{what} whose confidence interval reaches the {headline} of the best, and "
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
        measured: Rows of the measured cells. If C code was measured, only the cells that have it
            are considered, and the cost is the flash on the first microcontroller. Otherwise it is
            the size of the file; cells of unknown size are ignored if any size is known.

    Returns:
        Two rows. The first is the cheapest cell whose interval reaches the accuracy of the most
        accurate cell and which is not significantly worse than float32. If there is none, it is the
        most accurate cell. The second is the most accurate cell.

    Raises:
        InputError: If a cell has no accuracy.
    """
    target = next(iter(list_measured_targets(measured)), None)
    costs = [(row, _find_cost(row, target)) for row in measured]
    known = [(row, cost) for row, cost in costs if cost is not None]
    known = known or [(row, 0) for row in measured]
    top, top_cost = max(known, key=lambda pair: (pair[0].headline.rank, -pair[1]))
    candidates = [
        (row, cost)
        for row, cost in known
        if row.headline.best_rank is not None
        and row.headline.best_rank >= top.headline.rank
        and not _is_worse_than_float(row)
    ]
    cheapest, _ = min(
        candidates or [(top, top_cost)], key=lambda pair: (pair[1], -pair[0].headline.rank)
    )
    return cheapest, top


def _find_cost(row: ResultRow, target: str | None) -> int | None:
    """Return the flash on a microcontroller, or without one the size of the file."""
    if target is None:
        return row.size_bytes
    cost = row.device_cost(target)
    return None if cost is None else cost.flash_bytes


def _is_worse_than_float(row: ResultRow) -> bool:
    """Check whether a cell is significantly worse than float32."""
    if row.delta_float is None or not is_loss(row.delta_float, row.headline.is_error):
        return False
    return choose_arrow(row.delta_float, row.p_holm) in ("↓", "↑")
