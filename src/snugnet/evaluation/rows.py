"""Rows of the results, joined with the cells of a study by name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from snugnet.core.errors import InputError

# The columns that identify a cell.
KEY = ("model", "variant", "scheme", "runtime")


def cell_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what identifies the cell of a row."""
    return tuple(str(row[name]) for name in KEY)


def cell_name(row: Mapping[str, Any]) -> str:
    """Return the name of a cell: model/variant/scheme/runtime."""
    return "/".join(cell_key(row))


def join_rows(
    cells: Iterable[Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Join the cells of a study with their rows.

    Args:
        cells: Cells with `model`, `variant`, `scheme`, `runtime` and their description.
        rows: Rows with the same four columns, in any order.

    Returns:
        One mapping for each cell, in the order of the cells.

    Raises:
        InputError: If a cell has no row.
    """
    by_key = {cell_key(row): row for row in rows}
    cells = list(cells)
    missing = [cell_name(cell) for cell in cells if cell_key(cell) not in by_key]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(cells)} cells have no metrics, first {missing[0]}; delete the "
            "folder metrics below results_dir, and run Snakemake again"
        )
    return [{**cell, **by_key[cell_key(cell)]} for cell in cells]


def join_adjusted(
    rows: Sequence[Mapping[str, Any]], table: Iterable[Mapping[str, Any]], columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Add columns of the table of all results to some rows.

    P-values are adjusted once, in that table, for all tests within a model. Pages that show a part
    of the rows take the adjusted values from there.

    Raises:
        InputError: If the table lacks a row.
    """
    adjusted = {cell_key(row): row for row in table}
    missing = [cell_name(row) for row in rows if cell_key(row) not in adjusted]
    if missing:
        raise InputError(f"metrics.csv has no row for {missing[0]}; run Snakemake again")
    return [{**row, **{name: adjusted[cell_key(row)][name] for name in columns}} for row in rows]
