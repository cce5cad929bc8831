"""Reading of untrusted zip archives, such as .keras and .npz files."""

import lzma
import zipfile
import zlib
from tokenize import TokenError
from typing import Any

import numpy as np

from snugnet.core.budget import Budget
from snugnet.core.errors import InputError

# Methods that Keras and NumPy use. Python reads the others without a limit for the size.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Kinds of numbers and texts; all other kinds of NumPy are no data.
KINDS = "biufSU"
# Each text becomes an object of Python.
MAX_TEXTS = 5_000_000
# Exceptions of zipfile and NumPy for a damaged archive. RuntimeError: it claims to be encrypted;
# NotImplementedError: it is packed with an unknown method; TokenError: the header of an array.
DAMAGE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    TokenError,
)


def check_archive(archive: zipfile.ZipFile, budget: Budget) -> None:
    """Check what an archive holds after decompression, before anything is decompressed.

    Args:
        archive: The archive.
        budget: Limit for the bytes after decompression.

    Raises:
        InputError: If an entry has a compression method other than deflate.
        BudgetError: If all entries together need more bytes than the budget allows.
    """
    entries = archive.infolist()
    if unknown := [entry for entry in entries if entry.compress_type not in METHODS]:
        raise InputError(
            f"{archive.filename}: {unknown[0].filename!r} is compressed with method "
            f"{unknown[0].compress_type}; only deflate (8) is supported. Save the file again."
        )
    size = sum(entry.file_size for entry in entries)
    budget.check_bytes_unpacked(size, str(archive.filename))


def check_array(array: Any, source: str) -> None:
    """Check that what NumPy read from a file is an array of numbers or texts.

    Elements without bytes need no space in the file, however many there are.

    Args:
        array: What NumPy read: a file in an archive that is no array is bytes.
        source: Path of the file and name of the array, for messages.

    Raises:
        InputError: If it is something else, or has too many texts.
    """
    if not isinstance(array, np.ndarray):
        raise InputError(f"{source}: not an array; save it with NumPy")
    if array.dtype.kind not in KINDS or array.itemsize == 0:
        raise InputError(f"{source}: has type {array.dtype}; save numbers or texts")
    if array.dtype.kind in "SU" and array.size > MAX_TEXTS:
        raise InputError(f"{source}: has {array.size:,} texts; the maximum is {MAX_TEXTS:,}")
