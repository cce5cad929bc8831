"""What files held when a job wrote them: recorded beside them, compared by every job that reads.

A disk, a copy or an editor can change a file without anyone asking; results would then say
something about another file. Every job looks, so nobody else needs to.
"""

import os
import shlex
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from snugnet.core.errors import InputError
from snugnet.core.files import sha256_of

# In the environment of jobs: the options that gave this run its configuration.
OPTIONS = "SNUGNET_OPTIONS"
PAUSE = 2.0  # seconds


def announce(configfiles: Sequence[str | Path], config: Sequence[str]) -> None:
    """Tell the jobs of this run, through the environment, how its configuration was given.

    Args:
        configfiles: The arguments of `--configfile`.
        config: Those of `--config`.
    """
    files = [os.path.relpath(path) for path in configfiles]
    given = {"--configfile": files, "--config": config}
    os.environ[OPTIONS] = " ".join(
        f"{option} {shlex.join(values)}" for option, values in given.items() if values
    )


def record(paths: Iterable[str]) -> None:
    """Write the SHA-256 sum of each file or folder to `.<name>.sha256` beside it.

    An output that is not there yet is one that Snakemake itself will touch: it says nothing.
    """
    for path in filter(Path.exists, map(Path, paths)):
        partial = _beside(path).with_suffix(".partial")
        # As sha256sum writes it: `sha256sum -c` in that folder does the same as `check`.
        partial.write_text(f"{sha256_of(path)}  {path.name}\n")
        partial.replace(_beside(path))


def check(paths: Iterable[str]) -> None:
    """Compare files with what was recorded; those that no job made have no record.

    Raises:
        InputError: Naming the first that is another, and the command that makes it anew.
    """
    for path in map(Path, paths):
        found, expected = _both(path)
        if found != expected:
            time.sleep(PAUSE)  # on a shared disk, one of the two may be seen later than the other
            found, expected = _both(path)
        if found != expected:
            command = f"snakemake --cores 1 --force {shlex.quote(str(path))}"
            raise InputError(
                f"{path}: damaged or changed since it was created (SHA-256 sum {found}, "
                f"recorded {expected}); create it again with\n"
                f"  {command} {os.environ.get(OPTIONS, '')}".rstrip()
            )


def _both(path: Path) -> tuple[str, str]:
    """Give the sum of a path and the recorded one: the same where none is recorded."""
    try:
        expected = _beside(path).read_text().split(" ")[0]
    except FileNotFoundError:
        return "", ""
    try:
        return sha256_of(path), expected
    except OSError as error:  # a bad disk, for one
        return f"unknown: {error.strerror}", expected


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")
