"""Who goes to train, val and test."""

import numpy as np
from sklearn.model_selection import train_test_split

from snugnet.core.errors import InputError
from snugnet.core.samples import SPLITS, Samples


def split(samples: Samples, val: float, test: float, seed: int, source: str) -> dict[str, Samples]:
    """Divide samples into train, val and test.

    A split that the samples bring themselves is kept. Otherwise whole groups are drawn, so that
    nobody is in two splits; without groups samples are drawn, stratified by class.

    Args:
        samples: What to divide.
        val: Fraction for val, in (0, 1).
        test: Fraction for test, in (0, 1).
        seed: Seed of the draw.
        source: Where the samples came from, for messages.

    Returns:
        `{"train": ..., "val": ..., "test": ...}`, none empty.

    Raises:
        InputError: If a split would be empty, or train would lack a class.
    """
    if samples.split is not None:
        names = samples.split
    elif samples.group is not None:
        names = _by_group(samples.group, val, test, seed, source)
    else:
        # Label sets of a multi-label task are too many to stratify by; they are drawn plainly.
        classes = np.zeros(len(samples.y)) if samples.task == "multilabel" else samples.y
        names = draw_stratified_split(classes, val, test, seed)
    parts = {name: samples.take(np.flatnonzero(names == name)) for name in SPLITS}
    for name, part in parts.items():
        if len(part.x) == 0:
            raise InputError(
                f"{source}: the {name} split is empty; train, val and test need samples"
            )
    _check_train_classes(parts["train"], source)
    return parts


def _by_group(group: np.ndarray, val: float, test: float, seed: int, source: str) -> np.ndarray:
    groups = np.unique(group)
    if len(groups) < 3:
        raise InputError(
            f"{source}: {len(groups)} group(s) cannot be split by group into "
            f"{', '.join(SPLITS)}; provide at least 3 groups, or your own split"
        )
    order = np.random.default_rng(seed).permutation(groups)
    n_test = max(1, round(test * len(groups)))
    n_val = max(1, round(val * len(groups)))
    names = np.full(len(group), "train", dtype="<U5")
    names[np.isin(group, order[:n_test])] = "test"
    names[np.isin(group, order[n_test : n_test + n_val])] = "val"
    return names


def draw_stratified_split(classes: np.ndarray, val: float, test: float, seed: int) -> np.ndarray:
    """Draw samples for val and test so that each class has its share in every split.

    Args:
        classes: Class of each sample, (n,).
        val: Fraction for val.
        test: Fraction for test.
        seed: Seed of the draw.

    Returns:
        The name of each sample's split, (n,) of str.

    Raises:
        InputError: If there are too few samples of a class.
    """
    index = np.arange(len(classes))
    try:
        rest, test_index = train_test_split(
            index, test_size=test, random_state=seed, stratify=classes
        )
        _, val_index = train_test_split(
            rest, test_size=val / (1 - test), random_state=seed, stratify=classes[rest]
        )
    except ValueError as error:
        raise InputError(
            f"{len(classes)} samples cannot be split with every class in train, val and test "
            f"({error}); add samples, or change the fractions val and test"
        ) from None
    names = np.full(len(index), "train", dtype="<U5")
    names[test_index], names[val_index] = "test", "val"
    return names


def _check_train_classes(train: Samples, source: str) -> None:
    present = (
        train.y.any(axis=0)
        if train.y.ndim == 2
        else np.isin(range(len(train.class_names)), train.y)
    )
    missing = [name for name, there in zip(train.class_names, present, strict=True) if not there]
    if missing:
        raise InputError(f"{source}: the train split has no sample of class {', '.join(missing)}")
