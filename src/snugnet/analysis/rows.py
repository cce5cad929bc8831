"""Rows of figures in words and as .csv files; without pandas, which takes longer to import."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snugnet.jobs import replacing


def in_points(difference: float) -> str:
    """Write a difference in hundredths; one that rounds to nothing has no minus."""
    return f"{round(100 * difference, 2) + 0.0:+.2f}"


def write_rows(rows: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Write rows with the keys of the first as columns; None becomes an empty field."""
    with replacing(path) as partial, partial.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
