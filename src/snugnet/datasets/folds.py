"""Published folds as splits."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from snugnet.core.errors import InputError


def assign_splits_by_fold(fold: np.ndarray, settings: Mapping[str, Any], source: str) -> np.ndarray:
    """Name the split of each sample by its fold.

    Args:
        fold: (n,) integers.
        settings: `folds`: {train: [...], val: [...], test: [...]}.
        source: For the message.

    Returns:
        (n,) of str; samples of folds that no split names are marked "" and belong to none.

    Raises:
        InputError: If one fold is named by two splits, or a split's folds hold no sample.
    """
    names = np.full(len(fold), "", dtype="<U5")
    for name, folds in settings["folds"].items():
        members = np.isin(fold, folds)
        if (names[members] != "").any():
            raise InputError(f"{source}: folds.{name}: folds {folds} overlap with another split")
        if not members.any():
            have = ", ".join(str(value) for value in np.unique(fold))
            raise InputError(
                f"{source}: folds.{name}: no sample in folds {folds}; available: {have}"
            )
        names[members] = name
    return names
