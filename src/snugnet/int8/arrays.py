"""Reader of .npy files that never unpickles."""

from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.archives import DAMAGE_ERRORS, check_array
from snugnet.core.errors import InputError


def read_array(path: str | Path) -> np.ndarray:
    """Read the array of a .npy file.

    Raises:
        InputError: If the file is not a .npy file, or if it has pickled objects.
        OSError: If the file cannot be read.
    """
    try:
        # A file that declares more than it holds cannot be mapped, so nothing large is allocated.
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OverflowError, MemoryError, *DAMAGE_ERRORS) as error:
        raise InputError(f"{path}: not a .npy file ({error})") from None
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: must be a .npy file with one array")
    check_array(array, str(path))
    return np.array(array)
