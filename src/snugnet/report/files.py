"""Access to the result files that the report reads, by path below the results folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from snugnet.core.files import read_json, sha256_of
from snugnet.core.paths import ResultPath, Wildcards


@dataclass(frozen=True)
class FileIdentity:
    """A file that the report names.

    Attributes:
        path: Path below the results folder.
        bytes: Size of the file.
        sha256: SHA-256 checksum in hexadecimal digits.
    """

    path: str
    bytes: int
    sha256: str


class ResultFiles:
    """The input files of the report's job.

    A study may lack any of them. Other files in the results folder are not read.
    """

    def __init__(self, root: Path, paths: Iterable[str]) -> None:
        """Register the files.

        Args:
            root: The results folder.
            paths: Paths of files in it.
        """
        self._paths = {Path(path).relative_to(root).as_posix(): Path(path) for path in paths}

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read a JSON object; None if the study has no such file."""
        return read_json(self._paths[name]) if name in self._paths else None

    def read_table(self, name: str) -> pd.DataFrame | None:
        """Read a CSV file; None if the study has no such file."""
        return read_table(self._paths[name]) if name in self._paths else None

    def find(self, kind: ResultPath, **known: Unpack[Wildcards]) -> dict[str, Wildcards]:
        """Find the files of a kind.

        Args:
            kind: The path of the files, with wildcards.
            known: Values of some wildcards, such as the model.

        Returns:
            The values of all wildcards by path, in the order of registration.
        """
        parsed = {path: kind.parse(path) for path in self._paths}
        return {
            path: wildcards
            for path, wildcards in parsed.items()
            if wildcards is not None and {**wildcards, **known} == wildcards
        }

    def identify(self, name: str, inside: str = "") -> FileIdentity | None:
        """Return path, size and SHA-256 sum of a file.

        Args:
            name: Path of the file, or of a folder.
            inside: Path of the file in the folder; empty if `name` is the file.

        Returns:
            The identity of the file; None if there is no such file.
        """
        path = self._paths.get(name)
        if path is None or not (path / inside).is_file():
            return None
        digest = sha256_of(path / inside)
        full_name = f"{name}/{inside}" if inside else name
        return FileIdentity(full_name, (path / inside).stat().st_size, digest)

    def format_newest_time(self) -> str:
        """Return the modification time of the newest file, as text in UTC."""
        seconds = max((path.stat().st_mtime for path in self._paths.values()), default=0)
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV file; only empty fields are missing values, so that a name may be `NA`."""
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except pd.errors.EmptyDataError:  # a file without rows has no column names either
        return pd.DataFrame()


def to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Convert the rows of a frame to mappings; missing and non-finite values become None."""
    known = frame.notna() & ~frame.isin([np.inf, -np.inf])
    values = frame.astype(object).where(known, None)
    return [{str(name): value for name, value in row.items()} for row in values.to_dict("records")]
