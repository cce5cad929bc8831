"""The files that the report is made from, by their path below the results folder."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from snugnet.core.files import read_json, sha256_of


class Files:
    """What the job was given: a study may lack any of it, and nothing else is looked at."""

    def __init__(self, root: Path, paths: Iterable[str]) -> None:
        """Take the results folder, and the paths of files in it."""
        self._paths = {Path(path).relative_to(root).as_posix(): Path(path) for path in paths}

    def json(self, name: str) -> dict[str, Any] | None:
        """Read a JSON object; None if the study has no such file."""
        return read_json(self._paths[name]) if name in self._paths else None

    def table(self, name: str) -> pd.DataFrame | None:
        """Read a table; None if the study has no such file."""
        return read_table(self._paths[name]) if name in self._paths else None

    def named(self, folder: str, name: str) -> list[str]:
        """List the files of a stage with a name, in the order given."""
        return [
            path
            for path in self._paths
            if path.startswith(f"{folder}/") and path.rpartition("/")[2] == name
        ]

    def identity(self, name: str, inside: str = "") -> dict[str, Any] | None:
        """Identify a file, or one inside a folder, by its bytes and their SHA-256."""
        path = self._paths.get(name)
        if path is None or not (path / inside).is_file():
            return None
        digest = sha256_of(path / inside)
        shown = f"{name}/{inside}" if inside else name
        return {"path": shown, "bytes": (path / inside).stat().st_size, "sha256": digest}

    def newest(self) -> str:
        """Tell when the newest of them was written, in UTC."""
        seconds = max((path.stat().st_mtime for path in self._paths.values()), default=0)
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV file; only empty fields are missing, so that a name may be `NA`."""
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except pd.errors.EmptyDataError:  # no rows, hence no titles either
        return pd.DataFrame()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows of a frame as Python values; what is missing or not finite is None."""
    known = frame.notna() & ~frame.isin([np.inf, -np.inf])
    whole = frame.astype(object).where(known, None)
    return [{str(name): value for name, value in row.items()} for row in whole.to_dict("records")]
