"""Record the checksums of output files, and compare them before a job reads the files.

A disk error, an incomplete copy or an editor can change a file without notice, and results would
then be wrong. Every job checks its inputs, so no other check is necessary.
"""

import os
import re
import shlex
import stat
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write, sha256_of
from snugnet.core.paths import ResultPath

# Environment variable of jobs: the command-line options that set the configuration of this run.
OPTIONS = "SNUGNET_OPTIONS"
# Environment variable of jobs: the folder of the results. Only files below it have records that
# Snugnet wrote; those beside the user's data may come from a stranger.
RESULTS = "SNUGNET_RESULTS"
# Seconds to wait before a second comparison.
PAUSE = 2.0
# Folders of results.
STAGES = frozenset(path.partition("/")[0] for path in ResultPath)
# Length of a SHA-256 sum in hexadecimal digits.
DIGITS = 64


def announce(results: str, configfiles: Sequence[str | Path], config: Sequence[str]) -> None:
    """Store what this module needs in the environment of the jobs of this run.

    Error messages use the options in the command that creates a file again.

    Args:
        results: The folder of the results.
        configfiles: Arguments of `--configfile`.
        config: Arguments of `--config`.
    """
    files = [os.path.relpath(path) for path in configfiles]
    options = {"--configfile": files, "--config": config}
    os.environ[RESULTS] = str(Path(results).absolute())
    os.environ[OPTIONS] = " ".join(
        f"{option} {shlex.join(values)}" for option, values in options.items() if values
    )


def record(paths: Iterable[str]) -> None:
    """Write the SHA-256 sum of each file or folder to `.<name>.sha256` in the same folder.

    An output that does not exist yet is skipped: Snakemake itself will create it as an empty file.
    """
    for path in filter(Path.exists, map(Path, paths)):
        with atomic_write(_get_checksum_path(path), is_durable=False) as partial:
            # The format of sha256sum: `sha256sum -c` in that folder does the same as `check`.
            partial.write_text(f"{sha256_of(path)}  {path.name}\n")


def check(paths: Iterable[str]) -> None:
    """Compare files with their recorded checksums.

    Files without a record are skipped, and so are files that are not results.

    Raises:
        InputError: If a file differs; the message names the first such file and the command that
            creates it again.
    """
    for path in filter(_is_result, map(Path, paths)):
        actual, expected = _read_checksums(path)
        if actual != expected:
            time.sleep(PAUSE)  # on a shared disk, one of the two files may become visible later
            actual, expected = _read_checksums(path)
        if actual != expected:
            command = f"snakemake --cores 1 --force {shlex.quote(str(path))}"
            raise InputError(
                f"{path}: damaged or changed since it was created (SHA-256 sum {actual}, "
                f"recorded {expected}); create it again with\n"
                f"  {command} {os.environ.get(OPTIONS, '')}".rstrip()
            )


def _read_checksums(path: Path) -> tuple[str, str]:
    """Return the actual and the recorded checksum; two empty strings if none is recorded."""
    record = _get_checksum_path(path)
    try:
        is_file = stat.S_ISREG(record.lstat().st_mode)
    except FileNotFoundError:
        return "", ""
    if not is_file:  # reading a pipe may wait for ever, and a link may lead anywhere
        raise InputError(f"{record}: not a file, but a link, a pipe or a folder. Delete it.")
    with record.open(errors="replace") as file:
        expected = file.read(DIGITS)
    if not re.fullmatch(f"[0-9a-f]{{{DIGITS}}}", expected):
        return "not computed", f"in {record}, which is damaged"
    try:
        return sha256_of(path), expected
    except OSError as error:  # for example, a disk error
        return f"unknown: {error.strerror}", expected


def _is_result(path: Path) -> bool:
    # Links are not resolved: a folder of results may be a link to another disk.
    results = os.environ.get(RESULTS)
    if results is None:  # a container may run without the environment
        return True
    return not STAGES.isdisjoint(Path(os.path.relpath(path, results)).parts[:1])


def _get_checksum_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")
