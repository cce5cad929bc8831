"""Rows of figures as .csv files; without pandas, whose import takes longer than most analyses."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snugnet.jobs import replacing


def write_rows(rows: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Write rows with the keys of the first as columns; None becomes an empty field."""
    with replacing(path) as partial, partial.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
