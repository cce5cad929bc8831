"""Tests of the loader of a user's windows and images."""

import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from snugnet.core.budget import DEFAULT_BUDGET, Budget, BudgetError
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples, load_split, save_split
from snugnet.core.settings.datasets.folds import Folds
from snugnet.core.settings.datasets.windows import WindowsDataset
from snugnet.datasets import windows

RNG = np.random.default_rng(0)
FOLDS = Folds(train=(1,), val=(2,), test=(3,))


def load(folder: Path, name: str, **changes) -> Samples:
    return windows.load(WindowsDataset(kind="windows", path=name, **changes), folder, 1)


def test_windows_reads_npz_when_arrays_have_other_names(tmp_path):
    x = RNG.integers(-9, 9, (30, 10, 2)).astype(np.int16)
    np.savez(
        tmp_path / "mine.npz",
        signals=x,
        target=np.array(["walk", "run", "rest"] * 10),
        who=np.arange(30) // 3,
        step=np.array([0.5, 2.0]),
        part=np.arange(30) % 3 + 1,
    )
    arrays = {"x": "signals", "y": "target", "group": "who", "scale": "step", "fold": "part"}
    samples = load(tmp_path, "mine.npz", arrays=arrays, folds=FOLDS)
    assert samples.class_names == ("rest", "run", "walk")
    np.testing.assert_allclose(samples.x, x * np.array([0.5, 2.0]))
    assert samples.split.tolist()[:3] == ["train", "val", "test"]
    assert samples.y[:3].tolist() == [2, 1, 0]


def test_windows_reads_samples_when_file_is_csv(tmp_path):
    table = pd.DataFrame(RNG.normal(0, 1, (12, 6)), columns=[f"v{i}" for i in range(6)])
    table["y"] = ["a", "b"] * 6
    table["group"] = np.arange(12) // 2
    table["split"] = ["train", "val", "test"] * 4
    table.to_csv(tmp_path / "mine.csv", index=False)
    samples = load(tmp_path, "mine.csv", sample_shape=[3, 2])
    assert samples.x.shape == (12, 3, 2)
    assert samples.class_names == ("a", "b")
    assert samples.group.tolist()[:4] == [0, 0, 1, 1]
    np.testing.assert_allclose(samples.x[4].ravel(), table.iloc[4, :6].astype(float), rtol=1e-6)


def test_windows_reads_csv_when_columns_have_other_names(tmp_path):
    table = pd.DataFrame({"a": [1.0, 2, 3], "b": [4.0, 5, 6], "who": [7, 8, 9], "what": [0, 1, 0]})
    table.to_csv(tmp_path / "mine.csv", index=False)
    names = {"y": "what", "group": "who"}
    samples = load(tmp_path, "mine.csv", arrays=names)
    assert samples.x[:, :, 0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert samples.group.tolist() == [7, 8, 9]
    assert samples.y.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("arrays", "index", "words"),
    [
        ({"y": "no"}, False, "`arrays.y`: no column no; last columns: a, group, what"),
        (
            {"y": "what", "x": "a"},
            False,
            "`arrays.x` is not allowed for .csv; allowed: y, group, fold, spl",
        ),
        (
            {"y": "what", "group": "a"},
            False,
            "`arrays.group` is a, but column group exists; rename it",
        ),
        ({"y": "what"}, True, "the first column has no name; save the table without its index"),
    ],
)
def test_windows_fails_when_column_names_are_wrong(tmp_path, arrays, index, words):
    table = pd.DataFrame({"a": [1.0, 2], "group": [1, 2], "what": [0, 1]})
    table.to_csv(tmp_path / "mine.csv", index=index)
    with pytest.raises(InputError, match=words):
        load(tmp_path, "mine.csv", arrays=arrays)


def test_windows_reads_csv_when_task_is_multilabel(tmp_path):
    table = pd.DataFrame(RNG.normal(0, 1, (12, 6)))
    table["y_up"], table["y_down"] = [1, 0] * 6, [1, 1, 0, 0] * 3
    table.to_csv(tmp_path / "mine.csv", index=False)
    samples = load(tmp_path, "mine.csv", task="multilabel")
    assert samples.class_names == ("up", "down")
    assert samples.x.shape == (12, 6, 1)
    assert samples.y[:2].tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize(
    ("arrays", "settings", "words"),
    [
        ({"y": None}, {}, "missing arrays: y"),
        ({"y": np.array([0, 1, 0.5, 1])}, {}, "fractions"),
        (
            {"split": np.array(["train", "val", "test", "dev"])},
            {},
            "unknown split dev. Known: train, val, test",
        ),
        (
            {"y": np.array(["a", "b", "c", "a"]), "class_names": np.array(["a", "b"])},
            {},
            "labels not in class_names: c",
        ),
        ({"x": np.zeros((4, 3, 2, 2, 2))}, {}, "requires 3 dimensions"),
        ({"y": np.zeros((4, 2)) + 2}, {"task": "multilabel"}, "must hold 0 and 1 only"),
        ({}, {"arrays": {"group": "patient"}}, "missing arrays: patient"),
        ({}, {"folds": FOLDS}, "requires an array named fold"),
        ({"y": np.zeros((4, 2))}, {}, "does not fit a multiclass task"),
        ({"x": np.array([["a"] * 3] * 4)}, {}, "it must be numeric"),
        ({"scale": np.ones(2)}, {}, "scale must be one number"),
        ({"class_names": np.array("a")}, {}, "class_names is a scalar"),
    ],
)
def test_windows_fails_when_arrays_are_invalid(tmp_path, arrays, settings, words):
    contents = {"x": np.zeros((4, 3)), "y": np.array([0, 1, 0, 1]), **arrays}
    np.savez(
        tmp_path / "mine.npz",
        **{name: array for name, array in contents.items() if array is not None},
    )
    with pytest.raises(InputError, match=words):
        load(tmp_path, "mine.npz", **settings)


def test_windows_fails_when_csv_values_contain_text(tmp_path):
    (tmp_path / "mine.csv").write_text("a,b,y\n1,2,0\nx,3,1\n")
    with pytest.raises(InputError, match="columns a hold text"):
        load(tmp_path, "mine.csv")


@pytest.mark.parametrize("column", ["y", "group"])
def test_windows_names_line_when_csv_cell_is_empty(tmp_path, column):
    table = pd.DataFrame({"v": [1.0, 2.0, 3.0], "y": ["a", "b", "a"], "group": ["s1", "s2", "s3"]})
    table.loc[1, column] = None
    table.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(InputError, match=f"column {column} is empty in line 3"):
        load(tmp_path, "mine.csv")


@pytest.mark.parametrize("row", ["1", "1,2", '"a\nb",1', "1,,\r\r1"])
def test_windows_fails_before_parsing_when_csv_row_is_short(tmp_path, monkeypatch, row):
    monkeypatch.setattr(pd, "read_csv", None)
    (tmp_path / "mine.csv").write_text(f'a,b,y\n1,2,0\n"1,""\n\n3",2,0\n \n{row}\n2\n')
    with pytest.raises(InputError, match=r"mine\.csv: column . is empty in line \d+; fill in"):
        load(tmp_path, "mine.csv")


def test_windows_fails_before_parsing_when_rows_exceed_budget(tmp_path, monkeypatch):
    """Rows with quotes may be short: pandas would fill 20,000 columns."""
    names = ",".join(f"c{i}" for i in range(20_000))
    (tmp_path / "mine.csv").write_text(f"y,{names}\n" + '"1"\n' * 10_000)
    monkeypatch.setattr(pd, "read_csv", None)
    with pytest.raises(BudgetError, match=r"mine\.csv needs 6\.0 GiB of memory; the limit is 4\.0"):
        windows.load(WindowsDataset(kind="windows", path="mine.csv"), tmp_path, 1, DEFAULT_BUDGET)


def test_windows_accepts_csv_when_budget_is_larger(tmp_path):
    pd.DataFrame({"a": range(100), "y": [0, 1] * 50}).to_csv(tmp_path / "mine.csv", index=False)
    settings = WindowsDataset(kind="windows", path="mine.csv")
    needed = windows.COPIES * 8 * 101 * 2
    with pytest.raises(BudgetError, match=r"mine\.csv needs 6\.3 KiB"):
        windows.load(settings, tmp_path, 1, Budget(bytes_held=needed - 1))
    assert len(windows.load(settings, tmp_path, 1, Budget(bytes_held=needed)).x) == 100


def test_windows_fails_when_npz_exceeds_the_budget(tmp_path):
    np.savez_compressed(tmp_path / "mine.npz", x=np.zeros((1000, 6)), y=np.arange(1000) % 2)
    settings = WindowsDataset(kind="windows", path="mine.npz")
    with pytest.raises(BudgetError, match=r"mine\.npz has .* after decompression"):
        windows.load(settings, tmp_path, 1, Budget(bytes_unpacked=50_000))
    assert len(windows.load(settings, tmp_path, 1, Budget(bytes_unpacked=60_000)).x) == 1000


@pytest.mark.parametrize("read", [partial(windows.load, seed=1), windows.count_groups])
def test_windows_fails_when_npz_has_other_compression(tmp_path, read):
    with zipfile.ZipFile(tmp_path / "mine.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", b"")
    settings = WindowsDataset(kind="windows", path="mine.npz")
    with pytest.raises(InputError, match=r"mine\.npz: 'x\.npy' is compressed with method 14"):
        read(settings, tmp_path)


def test_windows_group_is_saved_when_csv_groups_are_strings(tmp_path):
    table = pd.DataFrame({"v": np.arange(9.0), "y": ["a", "b", "c"] * 3})
    table["group"] = [f"s{i}" for i in range(9)]
    table.to_csv(tmp_path / "mine.csv", index=False)
    samples = load(tmp_path, "mine.csv")
    save_split(tmp_path / "split.npz", samples)
    assert load_split(tmp_path / "split.npz").group.tolist() == table["group"].tolist()


def test_windows_names_are_texts_when_they_are_bytes(tmp_path):
    x, group = np.zeros((4, 8)), np.array([b"p1", b"p\xff", b"p1", b"p2"])
    names = np.array([b"rest", b"run"])
    np.savez(tmp_path / "mine.npz", x=x, y=[0, 1, 0, 1], group=group, class_names=names)
    samples = load(tmp_path, "mine.npz")
    assert samples.group.tolist() == ["p1", "p\\xff", "p1", "p2"]
    assert samples.class_names == ("rest", "run")


def test_windows_fails_quickly_when_a_class_number_is_huge(tmp_path):
    """A class number of a billion must not make a billion names."""
    np.savez(tmp_path / "a.npz", x=np.zeros((9, 10, 2)), y=np.array([0, 1, 10**9] * 3))
    with pytest.raises(InputError, match=r"y holds class 1000000000, but the file has 9 samples"):
        load(tmp_path, "a.npz")


@pytest.mark.parametrize("first", ["y", '"y\nz"'])
def test_windows_fails_clearly_when_csv_has_many_columns(tmp_path, first):
    (tmp_path / "mine.csv").write_text(first + ",a" * 50_000 + "\n")
    with pytest.raises(InputError, match=r"more than 50,000 columns; save the samples as an array"):
        load(tmp_path, "mine.csv")


@pytest.mark.parametrize("text", ["", "\ny,a\n0,1\n", ",,\n0,1,2\n", "\ufeff\ny,a\n0,1\n"])
def test_windows_fails_clearly_when_csv_starts_without_names(tmp_path, text):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(InputError, match="the first line is empty; it must have the names of the"):
        load(tmp_path, "mine.csv")


def test_read_columns_skips_byte_order_mark_when_excel_wrote_csv(tmp_path):
    (tmp_path / "mine.csv").write_text("y,a\n0,1\n", encoding="utf-8-sig")
    assert windows.read_columns(tmp_path / "mine.csv") == ["y", "a"]


def test_windows_names_label_option_when_csv_has_text(tmp_path):
    table = pd.DataFrame({"a": [1.0, 2, 3], "y": [0, 1, 0], "diagnosis": ["n", "s", "n"]})
    table.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(InputError, match=r"columns diagnosis hold text.*--array y=diagnosis"):
        load(tmp_path, "mine.csv")


def test_windows_needs_labels_when_a_dataset_is_loaded(tmp_path):
    pd.DataFrame({"a": [1.0, 2, 3]}).to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(InputError, match="add a column y, or columns y_NAME"):
        load(tmp_path, "mine.csv")
    settings = WindowsDataset(kind="windows", path="mine.csv")
    table = windows.read_table(tmp_path / "mine.csv", settings, needs_labels=False)
    assert sorted(table) == ["x"]
    assert table["x"].shape == (3, 1)


def save_task(folder: Path, y: np.ndarray | None, **arrays) -> None:
    x = RNG.normal(size=(30, 10, 2)).astype(np.float32)
    np.savez(folder / "d.npz", x=x, **({} if y is None else {"y": y}), **arrays)


@pytest.mark.parametrize("y", [RNG.normal(size=30), RNG.normal(size=(30, 2))])
def test_windows_reads_targets_when_task_is_regression(tmp_path, y):
    save_task(tmp_path, y)
    samples = load(tmp_path, "d.npz", task="regression")
    np.testing.assert_array_equal(samples.y, y.reshape(30, -1).astype(np.float32))
    assert samples.class_names == tuple(map(str, range(samples.y.shape[1])))


def test_windows_fails_when_targets_are_not_finite(tmp_path):
    save_task(tmp_path, np.full(30, np.nan))
    with pytest.raises(InputError, match="a regression needs finite numbers"):
        load(tmp_path, "d.npz", task="regression")


@pytest.mark.parametrize("one_hot", [False, True])
def test_windows_reads_positions_when_task_is_segmentation(tmp_path, one_hot):
    y = RNG.integers(0, 3, (30, 10))
    save_task(tmp_path, np.eye(3)[y] if one_hot else y, class_names=np.array(["a", "b", "c"]))
    samples = load(tmp_path, "d.npz", task="segmentation")
    np.testing.assert_array_equal(samples.y, y)
    assert samples.class_names == ("a", "b", "c")


@pytest.mark.parametrize("y", [None, np.arange(30) % 2])
def test_windows_reads_marks_when_task_is_reconstruction(tmp_path, y):
    save_task(tmp_path, y)
    samples = load(tmp_path, "d.npz", task="reconstruction")
    assert samples.y.tolist() == ([] if y is None else y.tolist())
    assert samples.class_names == ()


def test_threshold_is_kept_in_split_when_scores_are_logits(tmp_path):
    save_task(tmp_path, np.arange(30) % 2)
    samples = load(tmp_path, "d.npz", task="binary", scores="logits")
    save_split(tmp_path / "split.npz", samples)
    assert load_split(tmp_path / "split.npz").threshold == 0
    save_split(tmp_path / "split.npz", load(tmp_path, "d.npz", task="binary"))
    assert "threshold" not in np.load(tmp_path / "split.npz", allow_pickle=False)


def test_windows_flattens_group_when_it_has_a_second_axis(tmp_path):
    group = np.arange(30) // 3
    save_task(tmp_path, np.arange(30) % 2, group=group[:, np.newaxis])
    assert load(tmp_path, "d.npz").group.tolist() == group.tolist()


def test_windows_fails_when_folds_are_drawn_but_file_has_a_split(tmp_path):
    save_task(tmp_path, np.arange(30) % 2, split=np.array(["train", "val", "test"] * 10))
    with pytest.raises(InputError, match="the file has an array split"):
        load(tmp_path, "d.npz", folds=3)


def test_windows_fails_clearly_when_a_row_has_too_many_values(tmp_path):
    (tmp_path / "mine.csv").write_text("a,y\n1,0,5\n2,1,5\n")
    with pytest.raises(InputError, match="a row has more values than the first line has names"):
        load(tmp_path, "mine.csv")


def test_windows_fails_clearly_when_split_is_a_matrix(tmp_path):
    x, split = np.zeros((30, 10, 2)), np.full((30, 1), "train")
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(30) % 3, split=split)
    with pytest.raises(InputError, match=r"split has shape \(30, 1\)"):
        load(tmp_path, "a.npz")
