"""Checks of output files before any work, and files that Python objects of the library save."""

import os
from collections.abc import Callable
from pathlib import Path

from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write, check_output


def check_new_file(path: Path, force: bool) -> None:
    """Check that a file can be written, and that it replaces nothing unless that is allowed.

    Args:
        path: The file that will be written.
        force: Whether an existing file may be replaced.

    Raises:
        InputError: If the file exists; if the path is a folder, a device or a link; or if its
            folder cannot be written to.
    """
    check_folder(path)
    check_output(path)
    if path.exists() and not force:
        raise InputError(f"{path}: the file exists. Use --force to replace it.")


def check_folder(path: Path) -> None:
    """Check that a file can be created in its folder. Missing folders are created with the file.

    Args:
        path: The file that will be written.

    Raises:
        InputError: If the folder is a file, or cannot be written to.
    """
    folder = path.parent
    while not (folder.exists() or folder.is_symlink()):
        folder = folder.parent
    if not folder.is_dir():
        raise InputError(f"{path}: {folder} is not a folder. Choose another path.")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        is_read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        reason = "the file system is read-only" if is_read_only else "permission denied"
        raise InputError(
            f"{path}: cannot write to folder {folder.absolute()} ({reason}). Choose another path, "
            "or make the folder writable."
        )


def save_file(
    path: str | Path, suffix: str, overwrite: bool, write: Callable[[Path], object]
) -> Path:
    """Write a file, but replace no existing one unless that is allowed.

    Args:
        path: Path of the file.
        suffix: Required suffix of the path, such as `.tflite`.
        overwrite: Whether to replace an existing file.
        write: Writes the file to the path that it is given.

    Raises:
        InputError: If the suffix is another one, the file exists, or its folder cannot be written
            to.
        OSError: If the file cannot be written.
    """
    path = Path(path)
    if path.suffix != suffix:
        raise InputError(f"{path}: wrong suffix. Use a path that ends in {suffix}.")
    check_folder(path)
    if path.exists() and not overwrite:
        raise InputError(f"{path}: the file exists. Use overwrite=True to replace it.")
    with atomic_write(path) as partial:
        write(partial)
    return path
