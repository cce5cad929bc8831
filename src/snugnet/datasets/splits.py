"""Split of samples into train, val and test."""

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, train_test_split

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
        classes = samples.y if _has_one_class(samples) else np.zeros(len(samples.x))
        names = draw_stratified_split(classes, val, test, seed)
    return _take_parts(samples, names, source, is_trained)


def split_by_fold(
    samples: Samples, folds: int, fold: int | None, val: float, seed: int, source: str
) -> dict[str, Samples]:
    """Split samples for one fold of a cross-validation, or to train on all folds.

    No group is in two folds. Without groups, folds are stratified by class.

    Args:
        samples: Samples to split.
        folds: Number of folds.
        fold: Fold that is test, from 1. None to train on all folds: test then has the samples of
            val, on which the model was not trained either.
        val: Fraction of groups (or samples) for val, in (0, 1). They are drawn from the other
            folds.
        seed: Random seed.
        source: Name of the dataset or file, for error messages.

    Returns:
        The samples of each split, by name: `train`, `val` and `test`. No split is empty.

    Raises:
        InputError: If there are too few groups or samples for the folds, or train lacks a class.
    """
    is_test = np.zeros(len(samples.x), bool)
    if fold is not None:
        is_test = _assign_folds(samples, folds, seed, source) == fold - 1
    names = np.where(is_test, "test", "train").astype("<U5")
    names[_draw_val(samples, ~is_test, val, [seed, fold or 0])] = "val"
    if fold is None:
        parts = _take_parts(samples, names, source, has_test=False)
        return {**parts, "test": parts["val"]}
    return _take_parts(samples, names, source)


def _has_one_class(samples: Samples) -> bool:
    """Return whether each sample has one class, so that splits can be stratified by it."""
    tasks = (Task.MULTICLASS, Task.BINARY, Task.RECONSTRUCTION)
    return samples.task in tasks and len(samples.y) > 0


def _assign_folds(samples: Samples, folds: int, seed: int, source: str) -> np.ndarray:
    """Assign each sample to a fold, (n,) of 0 to folds - 1."""
    if samples.group is not None:
        units = len(np.unique(samples.group))
        splitter = GroupKFold(folds)
    else:
        units = len(samples.x)
        kind = StratifiedKFold if _has_one_class(samples) else KFold
        splitter = kind(folds, shuffle=True, random_state=seed)
    if units < max(folds, 3):
        what = "samples" if samples.group is None else "groups"
        raise InputError(
            f"{source}: folds is {folds}, but there are {units} {what}; at least one per fold and "
            "3 in all are required"
        )
    if samples.group is None and _has_one_class(samples):
        fewest = int(np.bincount(samples.y).min())
        if fewest < folds:
            raise InputError(
                f"{source}: folds is {folds}, but a class has {fewest} samples; each fold needs one"
            )
    index = np.zeros(len(samples.x), int)
    classes = samples.y if _has_one_class(samples) else None
    for number, (_, test) in enumerate(splitter.split(index, classes, samples.group)):
        index[test] = number
    return index


def _draw_val(samples: Samples, is_free: np.ndarray, val: float, seed: Sequence[int]) -> np.ndarray:
    """Draw whole groups, or samples, for val; return their indices.

    Args:
        samples: All samples.
        is_free: Whether a sample can be drawn, (n,).
        val: Fraction of all groups or samples.
        seed: Random seed.
    """
    free_index = np.flatnonzero(is_free)
    if samples.group is None and _has_one_class(samples):
        count = max(1, round(val * len(samples.x)))
        _, index = train_test_split(
            free_index, test_size=count, random_state=seed[0], stratify=samples.y[free_index]
        )
        return np.asarray(index)
    units = np.arange(len(samples.x)) if samples.group is None else samples.group
    free = np.random.default_rng(seed).permutation(np.unique(units[is_free]))
    count = max(1, round(val * len(np.unique(units))))
    return np.flatnonzero(np.isin(units, free[:count]))


def _take_parts(
    samples: Samples,
    names: np.ndarray,
    source: str,
    is_trained: bool = True,
    has_test: bool = True,
) -> dict[str, Samples]:
    """Take the samples of each split, and check them.

    Args:
        samples: The samples.
        names: Split of each sample, (n,) of str.
        source: Name of the dataset or file, for error messages.
        is_trained: Whether a model is trained on train, which then needs samples of every class.
        has_test: Whether there is a test split.
    """
    splits = SPLITS if has_test else SPLITS[:-1]
    parts = {name: samples.take(np.flatnonzero(names == name)) for name in splits}
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
