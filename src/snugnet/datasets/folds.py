"""Assignment of published folds to splits."""

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.settings.datasets.folds import Folds


def assign_splits_by_fold(fold: np.ndarray, splits: Folds, source: str) -> np.ndarray:
    """Assign each sample to a split by its fold.

    Args:
        fold: Fold of each sample, integers (n,).
        splits: Folds of each split.
        source: Name of the dataset or file, for error messages.

    Returns:
        The split of each sample, (n,) of str; "" for samples whose fold is in no split.

    Raises:
        InputError: If two splits contain the same fold, or the folds of a split hold no sample.
    """
    names = np.full(len(fold), "", dtype="<U5")
    for name, folds in splits.to_json().items():
        members = np.isin(fold, folds)
        if (names[members] != "").any():
            raise InputError(f"{source}: folds.{name}: folds {folds} overlap with another split")
        if not members.any():
            available = ", ".join(str(value) for value in np.unique(fold))
            raise InputError(
                f"{source}: folds.{name}: no sample in folds {folds}; available: {available}"
            )
        names[members] = name
    return names
