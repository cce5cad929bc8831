"""Split of samples into train, val and test."""

import numpy as np
from sklearn.model_selection import train_test_split

from snugnet.core.errors import InputError
from snugnet.core.samples import SPLITS, Samples
from snugnet.core.tasks import Task


def split(
    samples: Samples, val: float, test: float, seed: int, source: str, is_trained: bool = True
) -> dict[str, Samples]:
    """Split samples into train, val and test.

    The samples' own split is kept if they have one. Otherwise whole groups are drawn, so that no
    group is in two splits. Without groups, samples are drawn, stratified by class.

    Args:
        samples: Samples to split.
        val: Fraction for val, in (0, 1).
        test: Fraction for test, in (0, 1).
        seed: Random seed of the draw.
        source: Name of the dataset or file, for error messages.
        is_trained: Whether a model is trained on train, which then needs samples of every class.

    Returns:
        The samples of each split, by name: `train`, `val` and `test`. No split is empty.

    Raises:
        InputError: If a split would be empty, or train would lack a class.
    """
    if samples.split is not None:
        names = samples.split
    elif samples.group is not None:
        names = _draw_groups(samples.group, val, test, seed, source)
    elif not is_trained:
        names = draw_stratified_split(np.zeros(len(samples.x)), val, test, seed)
    else:
        # Only one class for each sample can be stratified by.
        is_single = samples.task in ("multiclass", "binary")
        classes = samples.y if is_single else np.zeros(len(samples.x))
        names = draw_stratified_split(classes, val, test, seed)
    parts = {name: samples.take(np.flatnonzero(names == name)) for name in SPLITS}
    for name, part in parts.items():
        if len(part.x) == 0:
            raise InputError(
                f"{source}: the {name} split is empty; train, val and test need samples"
            )
    if is_trained:
        _check_train_classes(parts["train"], source)
    return parts


def _draw_groups(group: np.ndarray, val: float, test: float, seed: int, source: str) -> np.ndarray:
    """Draw whole groups for val and test; return the split of each sample, (n,) of str."""
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
    """Draw samples for val and test, stratified by class.

    Args:
        classes: Class of each sample, (n,).
        val: Fraction for val.
        test: Fraction for test.
        seed: Random seed of the draw.

    Returns:
        The split of each sample, (n,) of str.

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
    """Check that train has samples of every class, in a task with classes."""
    if not Task(train.task).has_classes:
        return
    is_present = (
        train.y.any(axis=0)
        if train.task == Task.MULTILABEL
        else np.isin(range(len(train.class_names)), train.y)
    )
    missing = [
        name for name, present in zip(train.class_names, is_present, strict=True) if not present
    ]
    if missing:
        raise InputError(
            f"{source}: the train split has no sample of class {', '.join(missing)}; train needs "
            "samples of every class"
        )
