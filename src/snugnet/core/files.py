"""Atomic writes, JSON files, and SHA-256 checksums of files and folders."""

import errno
import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from snugnet.core.errors import InputError

# Errors of writing, which do not name the file.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@contextmanager
def atomic_write(path: str | Path, is_durable: bool = True) -> Iterator[Path]:
    """Write a file under a temporary name, and rename it only if no exception was raised.

    The temporary file is in the same folder, and nobody can predict its name. Readers and other
    writers of the same path therefore see a whole file at any time. Its name keeps the suffix,
    because some writers choose the format by the suffix. Temporary files that killed processes of
    this machine left behind are removed.

    Args:
        path: Path of the file. Missing parent folders are created.
        is_durable: Whether the file must survive a power failure from the moment it has its name.

    Yields:
        The temporary path to write to.

    Raises:
        InputError: If the path is a folder, a device or a symbolic link.
        OSError: If the file cannot be written. It names the path, not the temporary file.
    """
    path = Path(path)
    check_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    prefix = f"{_prefix(path)}{os.getpid()}-"
    with _name_target(path, prefix):
        # Created here, exclusively: a link that was planted under this name is not followed.
        descriptor, name = tempfile.mkstemp(path.suffix, prefix, path.parent)
        partial = Path(name)
        try:
            os.close(descriptor)
            yield partial
            _copy_mode(path, partial)
            if is_durable:
                _sync(partial)
            partial.replace(path)
            if is_durable:
                _sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def _name_target(path: Path, prefix: str) -> Iterator[None]:
    """Replace the name of a temporary file in errors by that of its target.

    An error without a name, such as that of a full disk, gets the name of the target too.

    Args:
        path: The target.
        prefix: Start of the name of the temporary file.
    """
    try:
        yield
    except OSError as error:
        name = error.filename
        is_partial = isinstance(name, str | os.PathLike) and Path(name).name.startswith(prefix)
        if error.errno is None or not (is_partial or (name is None and error.errno in DISK_ERRORS)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def check_regular(path: Path) -> None:
    """Check that a path is no pipe and no device: reading one may wait for ever.

    Raises:
        InputError: If it is one.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: neither a file nor a folder. Give the path of a file.")


@contextmanager
def private_folder() -> Iterator[str]:
    """Provide a temporary folder for a process whose work may go wrong.

    It is removed at the end, whatever the process left there: `shutil` cannot remove folders that
    are nested a thousand times, or that nobody may read.
    """
    folder = tempfile.mkdtemp(prefix="snugnet")
    try:
        yield folder
    finally:
        try:
            shutil.rmtree(folder)
        except (OSError, RecursionError):
            for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
                with suppress(OSError):  # there is no such program
                    subprocess.run([*command, "--", folder], check=False, capture_output=True)


def check_plain(path: Path, source: str) -> None:
    """Check that a file that a process without rights wrote is a file, and no link or pipe.

    Args:
        path: The file.
        source: The file of the user that the process read, for the message.

    Raises:
        InputError: If it is something else, or missing.
    """
    if not path.exists() or not stat.S_ISREG(path.lstat().st_mode):
        raise InputError(f"{source}: the process that read it returned nothing; it is damaged")


def check_output(path: Path) -> None:
    """Check that a path is a file, or does not exist.

    Raises:
        InputError: If the path is a folder, a device or a symbolic link.
    """
    if path.is_symlink():
        raise InputError(
            f"{path}: this is a symbolic link to {path.readlink()}. Give the path of the file "
            "itself."
        )
    if path.is_dir():
        raise InputError(f"{path}: this is a folder. Give the path of a file.")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: this is a device, not a file. Give the path of a file.")


def _prefix(path: Path) -> str:
    """Return the start of the names of temporary files for a path, on this machine."""
    machine = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
    return f".{path.stem}.partial-{machine}-"


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files for a path whose process does not exist any more."""
    prefix = _prefix(path)
    for partial in path.parent.iterdir():
        if not partial.name.startswith(prefix):
            continue
        process = partial.name.removeprefix(prefix).partition("-")[0]
        # A process of another user is alive; or the name is not that of a temporary file.
        with suppress(PermissionError, ValueError, OverflowError, IsADirectoryError):
            try:
                os.kill(int(process), 0)
            except ProcessLookupError:
                partial.unlink(missing_ok=True)


def _copy_mode(path: Path, partial: Path) -> None:
    """Give a temporary file the permissions of the file that it replaces, or those of a new one."""
    if path.exists():
        mode = stat.S_IMODE(path.stat().st_mode)
    else:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    partial.chmod(mode)


def _sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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

    Raises:
        InputError: If there is a symbolic link in the folder.
    """
    if path.is_dir():
        # Snakemake adds a timestamp file to each folder that a job writes.
        files = [file for file in path.rglob("*") if file.name != ".snakemake_timestamp"]
        if links := [file for file in files if file.is_symlink()]:
            raise InputError(f"{min(links)}: a symbolic link; Snugnet writes none. Delete it.")
        members = sorted(file for file in files if file.is_file())
        lines = [f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in members]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
