"""Rows of figures as .csv files; without pandas, whose import takes longer than most analyses."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snugnet.core.files import atomic_write


def names_in(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the keys of rows, each once, in order."""
    return list(dict.fromkeys(name for row in rows for name in row))


def write_rows(rows: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Write rows with all of their keys as columns; None becomes an empty field."""
    with atomic_write(path) as partial, partial.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=names_in(rows))
        writer.writeheader()
        writer.writerows(rows)
