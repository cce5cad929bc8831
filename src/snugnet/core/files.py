"""Atomic writes, JSON files, and SHA-256 checksums of files and folders."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Write a file under a temporary name, and rename it only if no exception was raised.

    The temporary file is in the same folder. Its name keeps the suffix, because some writers choose
    the format by the suffix. The name is always the same, so that the next job overwrites the file
    that a killed job left behind.

    Args:
        path: Path of the file. Missing parent folders are created.

    Yields:
        The temporary path to write to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON with sorted keys.

    Args:
        path: Path of the JSON file.
        value: Content of the file.

    Raises:
        ValueError: If a value is NaN or infinite.
    """
    with atomic_write(path) as partial:
        text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
        partial.write_text(text + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object that `write_json` wrote."""
    value: dict[str, Any] = json.loads(Path(path).read_text())
    return value


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 checksum of a file or a folder.

    Args:
        path: Path of a file, or of a folder.

    Returns:
        The checksum of the file in hexadecimal digits. For a folder, the checksum of a list with
        the checksum and the relative path of each file in it.
    """
    if path.is_dir():
        # Snakemake adds a timestamp file to each folder that a job writes.
        files = (file for file in path.rglob("*") if file.name != ".snakemake_timestamp")
        members = sorted(file for file in files if file.is_file())
        lines = [f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in members]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
