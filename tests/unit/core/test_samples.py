"""Tests of the checks of samples and of .npz files."""

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.samples import (
    Samples,
    check_samples,
    flatten_group,
    load_split,
    read_npz,
    save_split,
)


def samples(**changes) -> Samples:
    values = {
        "x": np.zeros((9, 4, 1), dtype=np.float32),
        "y": np.repeat(np.arange(3), 3),
        "class_names": ("a", "b", "c"),
        "task": "multiclass",
    }
    return Samples(**{**values, **changes})


def with_value(value: float) -> np.ndarray:
    x = np.zeros((9, 4, 1), dtype=np.float32)
    x[5, 2] = value
    return x


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": with_value(np.nan)}, "1 NaN or infinite values, the first in sample 5"),
        ({"x": with_value(np.inf)}, "1 NaN or infinite values, the first in sample 5"),
        ({"x": np.zeros((8, 4, 1))}, "x has 8 samples, but y has 9"),
        ({"x": np.zeros((9, 1), dtype="U3")}, "must be numeric"),
        ({"y": np.array([0, 0, 0, 1, 1, 1, 2, 2, 3])}, r"sample 8 has label 3.*0\.\.2"),
        ({"y": np.array([0, 0, 0, 1, 1, 1, 2, 2, -1])}, "sample 8 has label -1"),
        ({"y": np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])}, "class 'c' has 1 sample;"),
        ({"y": np.zeros((9, 2), dtype=int)}, r"class indices require shape \(n,\)"),
        ({"y": np.zeros((9, 2)), "task": "multilabel"}, r"3 labels require shape \(n, 3\)"),
        ({"y": np.full((9, 3), 2), "task": "multilabel"}, "must hold 0 and 1 only"),
        ({"x": np.zeros((0, 4, 1)), "y": np.zeros(0, dtype=int)}, "no samples"),
        ({"task": "binary"}, r"a binary task requires 2 classes, but there are 3: a, b, c"),
        ({"group": np.zeros(4)}, "x has 9 samples, but group has 4"),
        ({"class_names": ("a", "b", "a")}, "the class names contain duplicates: a"),
        ({"x": np.zeros((9, 0, 1))}, r"x has shape \(9, 0, 1\); samples without values"),
        ({"class_names": ("a", "b", "\x1b[2J")}, "cannot be the name of a class"),
        (
            {"y": np.zeros((9, 1)), "class_names": ("kPa\r",), "task": "regression"},
            r"'kPa\\r' cannot be the name of a target",
        ),
    ],
)
def test_check_samples_fails_when_samples_are_unusable(changes, words):
    with pytest.raises(InputError, match=words):
        check_samples(samples(**changes), "dataset 'mine'")


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (np.array(["a", "p\n"]), r"'p\\n' cannot be the name of a group"),
        (np.array(["a", " "]), "' ' cannot be the name of a group"),
        (np.array([1.0, np.nan]), "group of sample 1 is nan"),
        (np.array([None, "a"], object), "group has type object"),
        (np.array([{}, {}], object), "group has type object"),
        (np.array([[1], [1, 2]], object), "group has type object"),
        (np.zeros((2, 2)), r"group has type float64 and shape \(2, 2\)"),
        (np.array(["2020-01-01", "NaT"], "M8[D]"), "group has type datetime64"),
    ],
)
def test_flatten_group_fails_when_values_are_no_names(group, words):
    with pytest.raises(InputError, match=words):
        flatten_group(group, "mine.npz")


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (np.array([[1], [2]]), [1, 2]),
        (np.array([b"Jos\xe9", b"Jos\xe8"]), ["Jos\\xe9", "Jos\\xe8"]),
        (np.array([b"a", b"b"], object), ["a", "b"]),
        (np.array(["a", "b"], object), ["a", "b"]),
        (np.zeros(0), []),
    ],
)
def test_flatten_group_returns_names_when_group_is_usable(group, expected):
    assert flatten_group(group, "mine.npz").tolist() == expected


def test_check_samples_passes_when_samples_are_usable():
    check_samples(samples(), "dataset 'mine'")


def test_load_split_returns_equal_samples_when_they_were_saved(tmp_path):
    original = samples(group=np.array(list("aaabbbccc")))
    save_split(tmp_path / "a.npz", original)
    save_split(tmp_path / "b.npz", original)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = load_split(tmp_path / "a.npz")
    assert read.class_names == original.class_names
    assert read.task == original.task
    for name in ("x", "y", "group"):
        np.testing.assert_array_equal(getattr(read, name), getattr(original, name))


def test_load_split_returns_no_group_when_none_was_saved(tmp_path):
    save_split(tmp_path / "a.npz", samples())
    assert load_split(tmp_path / "a.npz").group is None


@pytest.mark.parametrize("keep", [0, 1, 10, 100, 400])
def test_load_split_fails_when_file_is_truncated(tmp_path, keep):
    path = tmp_path / "a.npz"
    save_split(path, samples())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.npz"):
        load_split(path)


def test_load_split_fails_when_file_is_cut_at_any_position(tmp_path):
    path = tmp_path / "a.npz"
    save_split(path, samples())
    content = path.read_bytes()
    for keep in range(0, len(content), 37):
        path.write_bytes(content[:keep])
        with pytest.raises(InputError):
            load_split(path)


def test_read_npz_fails_when_array_is_pickled(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object), y=np.zeros(1))
    with pytest.raises(InputError, match="pickled arrays are not allowed"):
        read_npz(path, required=("x", "y"))


def test_save_split_fails_when_array_needs_pickle(tmp_path):
    with pytest.raises(InputError, match="group cannot be saved without pickle"):
        save_split(tmp_path / "a.npz", samples(group=np.array(["a"] * 9, dtype=object)))
    assert list(tmp_path.iterdir()) == []


def test_read_npz_fails_when_compressed_data_is_damaged(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.arange(5000), y=np.zeros(3))
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"truncated or not an \.npz file"):
        read_npz(path, required=("x", "y"))


def test_read_npz_fails_when_file_is_npy(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(InputError, match=r"truncated or not an \.npz file"):
        read_npz(tmp_path / "a.npy", required=("x",))


def test_read_npz_names_array_when_it_is_missing(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros(3))
    with pytest.raises(InputError, match="missing arrays: y; the file holds x"):
        read_npz(path, required=("x", "y"))


def test_read_npz_names_file_when_it_is_missing(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_npz(tmp_path / "none.npz", required=("x",))
