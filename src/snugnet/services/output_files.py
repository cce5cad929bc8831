"""Files that Python objects of the library save."""

from collections.abc import Callable
from pathlib import Path

from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write, check_output


def check_new_file(path: Path, force: bool) -> None:
    """Check that writing a file replaces nothing, unless that is allowed.

    Args:
        path: The file that will be written.
        force: Whether an existing file may be replaced.

    Raises:
        InputError: If the file exists, or the path is a folder, a device or a link.
    """
    check_output(path)
    if path.exists() and not force:
        raise InputError(f"{path}: the file exists. Use --force to replace it.")


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
        InputError: If the suffix is another one, or the file exists.
        OSError: If the file cannot be written.
    """
    path = Path(path)
    if path.suffix != suffix:
        raise InputError(f"{path}: wrong suffix. Use a path that ends in {suffix}.")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: the file exists. Use overwrite=True to replace it.")
    with atomic_write(path) as partial:
        write(partial)
    return path
