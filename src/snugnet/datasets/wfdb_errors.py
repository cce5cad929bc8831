"""Errors of WFDB records, the file format of PhysioNet's databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snugnet.core.errors import InputError


@contextmanager
def check_record(path: Path) -> Iterator[None]:
    """Report a record that the package wfdb cannot read.

    Args:
        path: Path of the record, without suffix.

    Raises:
        InputError: If the code in the context fails to read the record.
    """
    try:
        yield
    except (ValueError, OSError, IndexError, KeyError) as error:
        raise InputError(
            f"{path}: cannot be read as a WFDB record ({error}); download it again"
        ) from None
