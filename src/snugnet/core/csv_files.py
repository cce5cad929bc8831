"""Tables as .csv files, without pandas, whose import takes longer than most analyses."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snugnet.core.files import atomic_write


def list_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the keys of all rows, each key once, in order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def write_rows(rows: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Write rows to a .csv file.

    Args:
        rows: Values by column name. The file has the columns of all rows. None is written as an
            empty field.
        path: Path of the .csv file.
    """
    with atomic_write(path) as partial, partial.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list_columns(rows))
        writer.writeheader()
        writer.writerows(rows)
