"""Reader of .npy files that never unpickles."""

from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.archives import DAMAGE_ERRORS, check_array
from snugnet.core.budget import UNLIMITED, Budget, format_bytes
from snugnet.core.errors import InputError


def read_array(path: str | Path, budget: Budget = UNLIMITED) -> np.ndarray:
    """Read the array of a .npy file.

    Args:
        path: The file.
        budget: Limit of memory; a file can be large without taking any space on the disk.

    Raises:
        InputError: If the file is not a .npy file, has pickled objects, or does not fit into the
            memory.
        BudgetError: If the array needs more memory than the budget allows.
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
    budget.check_samples(array.size, str(path))
    try:
        return np.array(array)
    except MemoryError:
        raise InputError(
            f"{path}: {format_bytes(array.nbytes)} do not fit into the memory. Use fewer samples."
        ) from None
