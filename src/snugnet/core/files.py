"""Files: atomic writes, JSON, and SHA-256 sums."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it onto `path` only if nothing was raised.

    The temporary name keeps the suffix, because writers choose a format by it, and is always the
    same, so that what a killed job leaves is overwritten by the next.
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
    """Write `value` as indented JSON with sorted keys; NaN and infinity are refused."""
    with atomic_write(path) as partial:
        text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
        partial.write_text(text + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object that `write_json` wrote."""
    value: dict[str, Any] = json.loads(Path(path).read_text())
    return value


def sha256_of(path: Path) -> str:
    """Give the SHA-256 sum of a file, or of the names and sums of all files in a folder."""
    if path.is_dir():
        # Snakemake adds a file of its own to a folder that a job has made.
        files = (file for file in path.rglob("*") if file.name != ".snakemake_timestamp")
        inside = sorted(file for file in files if file.is_file())
        lines = [f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in inside]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
