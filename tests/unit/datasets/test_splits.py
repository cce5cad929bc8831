"""Tests of the split into train, val and test."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.datasets.splits import split, split_by_fold


def samples(n: int = 60, groups: int | None = None, **changes) -> Samples:
    group = None if groups is None else np.arange(n) % groups
    values = {
        "x": np.arange(n, dtype=np.float32)[:, np.newaxis],
        "y": np.arange(n) % 2 if groups is None else np.arange(n) // groups % 2,
        "class_names": ("a", "b"),
        "task": "multiclass",
        "group": group,
    }
    return Samples(**{**values, **changes})


def ids(part: Samples) -> set[float]:
    return set(part.x[:, 0].tolist())


@given(groups=st.integers(3, 40), seed=st.integers(0, 2**31))
def test_split_keeps_groups_together_when_samples_have_groups(groups, seed):
    parts = split(samples(groups * 4, groups), 0.2, 0.2, seed, "x")
    members = [set(part.group.tolist()) for part in parts.values()]
    assert not members[0] & members[1] and not members[0] & members[2]
    assert not members[1] & members[2]
    assert sum(len(part.x) for part in parts.values()) == groups * 4
    assert set.union(*(ids(part) for part in parts.values())) == set(range(groups * 4))


def test_split_is_stratified_when_samples_have_no_groups():
    parts = split(samples(100), 0.2, 0.2, 1, "x")
    assert {name: len(part.x) for name, part in parts.items()} == {
        "train": 60,
        "val": 20,
        "test": 20,
    }
    for part in parts.values():
        counts = Counter(part.y.tolist())
        assert counts[0] == counts[1]


def test_split_is_equal_only_when_seeds_are_equal():
    first, second, third = (split(samples(100), 0.2, 0.2, seed, "x") for seed in (1, 1, 2))
    assert ids(first["test"]) == ids(second["test"]) != ids(third["test"])


def test_split_is_kept_when_samples_have_a_split():
    names = np.array(["test"] * 20 + ["val"] * 20 + ["train"] * 15 + [""] * 5)
    parts = split(samples(60, split=names), 0.2, 0.2, 1, "x")
    assert ids(parts["test"]) == set(range(20))
    assert ids(parts["train"]) == set(range(40, 55))


def test_split_fails_when_a_part_is_empty():
    names = np.array(["test"] * 20 + ["train"] * 40)
    with pytest.raises(InputError, match="the val split is empty"):
        split(samples(60, split=names), 0.2, 0.2, 1, "x")


def test_split_fails_when_train_lacks_a_class():
    names = np.array(["train"] * 20 + ["val"] * 20 + ["test"] * 20)
    y = np.array([0] * 20 + [1] * 40)
    with pytest.raises(InputError, match="the train split has no sample of class b"):
        split(samples(60, y=y, split=names), 0.2, 0.2, 1, "x")


def test_split_fails_when_there_are_two_groups():
    with pytest.raises(InputError, match=r"2 group\(s\)"):
        split(samples(60, 2), 0.2, 0.2, 1, "x")


def test_split_fails_when_classes_are_too_small():
    with pytest.raises(InputError, match="12 samples cannot be split with every class"):
        split(samples(12, y=np.arange(12) % 6), 0.1, 0.1, 1, "x")


def test_split_ignores_rare_classes_when_no_model_is_trained():
    y = np.array([0] * 59 + [1])
    with pytest.raises(InputError, match="cannot be split with every class"):
        split(samples(60, y=y), 0.2, 0.2, 1, "x")
    parts = split(samples(60, y=y), 0.2, 0.2, 1, "x", is_trained=False)
    assert {name: len(part.x) for name, part in parts.items()} == {
        "train": 36,
        "val": 12,
        "test": 12,
    }
    assert set.union(*(ids(part) for part in parts.values())) == set(range(60))


def test_split_accepts_train_when_no_model_is_trained():
    names = np.array(["train"] * 20 + ["val"] * 20 + ["test"] * 20)
    y = np.array([0] * 20 + [1] * 40)
    parts = split(samples(60, y=y, split=names), 0.2, 0.2, 1, "x", is_trained=False)
    assert ids(parts["train"]) == set(range(20))


def test_split_keeps_groups_when_no_model_is_trained():
    parts = split(samples(60, 6), 0.2, 0.2, 1, "x", is_trained=False)
    members = [set(part.group.tolist()) for part in parts.values()]
    assert sum(map(len, members)) == len(set.union(*members)) == 6


@pytest.mark.parametrize("is_trained", [True, False])
@pytest.mark.parametrize(
    ("task", "y", "names"),
    [
        ("regression", np.linspace(0, 95, 60, dtype=np.float32)[:, np.newaxis], ("0",)),
        ("segmentation", np.arange(60 * 5).reshape(60, 5) % 2, ("a", "b")),
        ("reconstruction", np.arange(60) % 2, ()),
        ("reconstruction", np.zeros(0, np.int64), ()),
        ("multilabel", np.tile([[1, 0], [0, 1]], (30, 1)).astype(np.uint8), ("a", "b")),
    ],
)
def test_split_draws_samples_when_task_is_not_stratified(task, y, names, is_trained):
    whole = samples(60, y=y, task=task, class_names=names)
    parts = split(whole, 0.2, 0.2, 1, "x", is_trained)
    assert [len(parts[name].x) for name in ("train", "val", "test")] == [36, 12, 12]
    for part in parts.values():
        index = part.x[:, 0].astype(int)
        np.testing.assert_array_equal(part.y, y[index] if len(y) else y)


def test_split_fails_when_no_position_has_a_class():
    y = np.zeros((60, 5), np.int64)
    whole = samples(60, y=y, task="segmentation", class_names=("rest", "QRS"))
    with pytest.raises(InputError, match="the train split has no sample of class QRS"):
        split(whole, 0.2, 0.2, 1, "x")


@given(groups=st.integers(3, 12), folds=st.integers(3, 12), seed=st.integers(0, 2**31))
def test_folds_cover_each_group_once_when_samples_have_groups(groups, folds, seed):
    folds = min(folds, groups)
    data = samples(groups * 4, groups)
    parts = [split_by_fold(data, folds, i, 0.2, seed, "x") for i in range(1, folds + 1)]
    tests = [ids(part["test"]) for part in parts]
    assert sum(map(len, tests)) == groups * 4
    assert set.union(*tests) == set(range(groups * 4))
    for part in parts:
        members = [set(split.group.tolist()) for split in part.values()]
        assert sum(map(len, members)) == groups


def test_folds_are_stratified_when_samples_have_no_groups():
    part = split_by_fold(samples(60), 5, 2, 0.2, 1, "x")
    assert Counter(part["test"].y.tolist()) == {0: 6, 1: 6}
    assert {name: len(split.x) for name, split in part.items()} == {
        "train": 36,
        "val": 12,
        "test": 12,
    }


def test_all_but_val_is_trained_on_when_fold_is_none():
    part = split_by_fold(samples(60, 6), 6, None, 0.2, 1, "x")
    assert len(part["train"].x) == 50
    assert ids(part["val"]) == ids(part["test"])
    assert not ids(part["train"]) & ids(part["val"])


@pytest.mark.parametrize(
    ("groups", "folds", "message"),
    [(5, 6, "folds is 6, but there are 5 groups"), (2, 2, "there are 2 groups")],
)
def test_split_by_fold_fails_when_groups_are_too_few(groups, folds, message):
    with pytest.raises(InputError, match=message):
        split_by_fold(samples(60, groups), folds, 1, 0.2, 1, "x")


def test_split_by_fold_fails_when_train_lacks_a_class():
    data = samples(60, 3, y=np.arange(60) % 3 // 2)
    with pytest.raises(InputError, match="the train split has no sample of class"):
        for fold in (1, 2, 3):
            split_by_fold(data, 3, fold, 0.2, 1, "x")


def test_split_by_fold_fails_when_a_class_has_too_few_samples():
    data = samples(30, y=np.array([0] * 26 + [1] * 4))
    with pytest.raises(InputError, match="folds is 5, but a class has 4 samples"):
        split_by_fold(data, 5, 1, 0.2, 1, "x")
