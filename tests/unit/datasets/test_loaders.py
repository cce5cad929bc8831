"""Tests of the dataset loaders."""

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from snugnet.core.errors import InputError
from snugnet.core.samples import load_split, save_split
from snugnet.datasets import mitdb, mnist, ptbxl, recordings, windows
from snugnet.datasets.sources import source_files

RNG = np.random.default_rng(0)


def record(folder: Path, name: str, lead: str = "MLII") -> None:
    """Write a WFDB record of two leads with beats of six kinds, 400 samples apart."""
    signal = RNG.normal(0, 0.3, (6000, 2))
    signal[:, 1] += 5.0
    beats = np.arange(400, 5600, 400)
    symbols = [("N", "L", "R", "V", "A", "~")[i % 6] for i in range(len(beats))]
    wfdb.wrsamp(
        name, 360, ["mV", "mV"], [lead, "V1"], signal, fmt=["16", "16"], write_dir=str(folder)
    )
    wfdb.wrann(name, "atr", beats, symbol=symbols, write_dir=str(folder))


@pytest.fixture(scope="module")
def wfdb_folder(tmp_path_factory) -> Path:
    """A folder with the names of all 48 records; one was recorded without MLII first."""
    folder = tmp_path_factory.mktemp("data") / "mitdb"
    folder.mkdir()
    record(folder, "100")
    for name in mitdb.MITDB_RECORDS[1:]:
        for suffix in ("hea", "dat", "atr"):
            shutil.copy(folder / f"100.{suffix}", folder / f"{name}.{suffix}")
        header = (folder / f"{name}.hea").read_text().replace("100", name, 1)
        (folder / f"{name}.hea").write_text(header.replace("100.dat", f"{name}.dat"))
    return folder


def mitdb_settings(folder: Path, **changes) -> dict:
    settings = {"kind": "mitdb", "path": folder.name, "datasets_dir": str(folder.parent)}
    return {**settings, "protocol": "nlrva", "window": 320, "val": 0.15, "test": 0.15, **changes}


def test_mitdb_windows_are_centred_on_beats_of_mlii(wfdb_folder):
    samples = mitdb.load(mitdb_settings(wfdb_folder), 1)
    signal = wfdb.rdrecord(str(wfdb_folder / "100")).p_signal[:, 0]
    assert samples.x.shape[1:] == (320, 1)
    assert samples.class_names == ("N", "L", "R", "V", "A")
    np.testing.assert_allclose(samples.x[0, :, 0], signal[400 - 160 : 400 + 160], atol=1e-6)
    # 13 beats a record, of which two are no beats of the five classes.
    assert len(samples.x) == 48 * 11


def test_mitdb_splits_beats_when_protocol_is_nlrva(wfdb_folder):
    samples = mitdb.load(mitdb_settings(wfdb_folder), 1)
    assert (samples.split == "test").sum() == pytest.approx(0.15 * len(samples.x), abs=1)
    shared = set(samples.group[samples.split == "train"]) & set(
        samples.group[samples.split == "test"]
    )
    assert len(shared) > 40


def test_mitdb_has_one_patient_when_records_are_201_and_202(wfdb_folder):
    samples = mitdb.load(mitdb_settings(wfdb_folder), 1)
    assert len(set(samples.group.tolist())) == 47
    assert "202" not in samples.group


def test_mitdb_keeps_ds2_for_test_when_protocol_is_interpatient(wfdb_folder):
    samples = mitdb.load(mitdb_settings(wfdb_folder, protocol="aami_interpatient"), 1)
    assert samples.class_names == ("N", "S", "V", "F", "Q")
    test = set(samples.group[samples.split == "test"].tolist())
    assert test == {mitdb.PATIENT.get(name, name) for name in mitdb.DS2}
    assert set(samples.group[samples.split == "val"].tolist()) == set(mitdb.DS1_VAL)
    assert not set(mitdb.DS1) & set(mitdb.DS2)
    # N, L and R are one class there.
    assert np.bincount(samples.y).tolist()[0] == 44 * (3 + 2 + 2)


def test_mitdb_names_file_when_annotations_are_missing(wfdb_folder, tmp_path):
    folder = tmp_path / "mitdb"
    shutil.copytree(wfdb_folder, folder)
    (folder / "100.atr").unlink()
    with pytest.raises(InputError, match=r"1 of 144 files are missing.*100\.atr.*To get them"):
        mitdb.load(mitdb_settings(folder), 1)


def test_mitdb_names_record_when_it_cannot_be_read(wfdb_folder, tmp_path):
    folder = tmp_path / "mitdb"
    shutil.copytree(wfdb_folder, folder)
    (folder / "101.hea").write_text("nonsense")
    with pytest.raises(InputError, match=r"101: cannot be read as a WFDB record"):
        mitdb.load(mitdb_settings(folder), 1)


def test_mitdb_prints_source_when_folder_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"144 of 144 files are missing in .*physionet"):
        mitdb.load(mitdb_settings(tmp_path / "none"), 1)


def idx(values: np.ndarray, magic: bytes | None = None) -> bytes:
    header = magic or b"\x00\x00\x08" + bytes([values.ndim])
    return header + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def gz(data: bytes) -> bytes:
    """`data` compressed, the same whenever it is asked for: gzip's header tells the time."""
    return gzip.compress(data, mtime=0)


BLANK = np.zeros((50, 28, 28), np.uint8)


@pytest.fixture
def mnist_settings(tmp_path) -> dict:
    settings = {"kind": "mnist", "path": "mnist", "datasets_dir": str(tmp_path), "val": 0.2}
    (tmp_path / "mnist").mkdir()
    for n, path in zip((50, 50, 20, 20), source_files(settings), strict=True):
        shape = (n, 28, 28) if "images" in path.name else (n,)
        values = RNG.integers(0, 10, shape).astype(np.uint8)
        path.write_bytes(gz(idx(values)))
    return settings


def test_mnist_keeps_published_test_images(mnist_settings):
    samples = mnist.load(mnist_settings, 1)
    assert samples.x.shape == (70, 28, 28, 1)
    assert (samples.split[50:] == "test").all()
    assert (samples.split[:50] == "val").sum() == 10


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(gz(idx(BLANK, b"\x00\x00\x09\x03")), "magic", id="another type"),
        pytest.param(gz(idx(BLANK)[:-1]), "its header states", id="a byte too few"),
        pytest.param(gz(idx(BLANK) + b"x"), "its header states", id="a byte too many"),
        pytest.param(gz(b"\x00\x00\x08\x03\x00"), "truncated in the IDX header", id="no sizes"),
        pytest.param(gz(b"\x00"), "magic", id="no magic"),
        pytest.param(gz(idx(BLANK))[:-9], "truncated or not a gzip file", id="gzip cut short"),
        pytest.param(b"no gzip at all", "truncated or not a gzip file", id="no gzip"),
        pytest.param(gz(idx(BLANK[1:])), "49 images, but 50 labels", id="an image too few"),
        pytest.param(gz(b"\x00\x00\x08\x04" + b"\xff" * 16), "its header states", id="huge sizes"),
    ],
)
def test_mnist_fails_when_file_is_not_idx(mnist_settings, data, words):
    source_files(mnist_settings)[0].write_bytes(data)
    with pytest.raises(InputError, match=words):
        mnist.load(mnist_settings, 1)


@pytest.fixture
def ptbxl_settings(tmp_path) -> dict:
    folder = tmp_path / "ptbxl"
    records = folder / "records100"
    records.mkdir(parents=True)
    rows = []
    codes = ["{'NORM': 100.0}", "{'IMI': 50.0, 'LVH': 0.0}", "{'SR': 0.0}", "{'LVH': 100.0}"]
    for i in range(12):
        name = f"{i:05d}_lr"
        wfdb.wrsamp(
            name,
            100,
            ["mV"] * 12,
            [f"lead{k}" for k in range(12)],
            RNG.normal(0, 1, (1000, 12)),
            fmt=["16"] * 12,
            write_dir=str(records),
        )
        rows.append((i, float(i // 2), codes[i % 4], 1 + i % 3, f"records100/{name}"))
    columns = ["ecg_id", "patient_id", "scp_codes", "strat_fold", "filename_lr"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "ptbxl_database.csv", index=False)
    pd.DataFrame(
        {"diagnostic": [1.0, 1.0, 1.0, np.nan], "diagnostic_class": ["NORM", "MI", "HYP", np.nan]},
        index=["NORM", "IMI", "LVH", "SR"],
    ).to_csv(folder / "scp_statements.csv")
    folds = {"train": [1], "val": [2], "test": [3]}
    return {"kind": "ptbxl", "path": "ptbxl", "datasets_dir": str(tmp_path), "folds": folds}


def test_ptbxl_labels_superclasses_and_drops_other_records(ptbxl_settings):
    samples = ptbxl.load(ptbxl_settings, 1)
    assert samples.x.shape == (9, 1000, 12)
    assert samples.y[:3].tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 1]]
    assert sorted(set(samples.split.tolist())) == ["test", "train", "val"]
    assert samples.group.tolist()[:2] == [0, 0]


def test_ptbxl_names_files_when_records_are_missing(ptbxl_settings):
    folder = Path(ptbxl_settings["datasets_dir"]) / "ptbxl" / "records100"
    (folder / "00001_lr.hea").unlink()
    with pytest.raises(InputError, match=r"1 of 9 files are missing.*00001_lr\.hea"):
        ptbxl.load(ptbxl_settings, 1)


def window_settings(tmp_path: Path, name: str, **changes) -> dict:
    return {
        "kind": "windows",
        "path": name,
        "datasets_dir": str(tmp_path),
        "task": "multiclass",
        "layout": "time_channel",
        "arrays": {},
        "folds": None,
        "sample_shape": None,
        **changes,
    }


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
    folds = {"train": [1], "val": [2], "test": [3]}
    settings = window_settings(tmp_path, "mine.npz", arrays=arrays, folds=folds)
    samples = windows.load(settings, 1)
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
    samples = windows.load(window_settings(tmp_path, "mine.csv", sample_shape=[3, 2]), 1)
    assert samples.x.shape == (12, 3, 2)
    assert samples.class_names == ("a", "b")
    assert samples.group.tolist()[:4] == [0, 0, 1, 1]
    np.testing.assert_allclose(samples.x[4].ravel(), table.iloc[4, :6].astype(float), rtol=1e-6)


def test_windows_reads_csv_when_columns_have_other_names(tmp_path):
    table = pd.DataFrame({"a": [1.0, 2, 3], "b": [4.0, 5, 6], "who": [7, 8, 9], "what": [0, 1, 0]})
    table.to_csv(tmp_path / "mine.csv", index=False)
    names = {"y": "what", "group": "who"}
    samples = windows.load(window_settings(tmp_path, "mine.csv", arrays=names), 1)
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
        windows.load(window_settings(tmp_path, "mine.csv", arrays=arrays), 1)


def test_windows_reads_csv_when_task_is_multilabel(tmp_path):
    table = pd.DataFrame(RNG.normal(0, 1, (12, 6)))
    table["y_up"], table["y_down"] = [1, 0] * 6, [1, 1, 0, 0] * 3
    table.to_csv(tmp_path / "mine.csv", index=False)
    samples = windows.load(window_settings(tmp_path, "mine.csv", task="multilabel"), 1)
    assert samples.class_names == ("up", "down")
    assert samples.x.shape == (12, 6, 1)
    assert samples.y[:2].tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize(
    ("arrays", "settings", "words"),
    [
        ({"x": np.zeros((4, 3))}, {}, "missing arrays: y"),
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
        ({}, {"folds": {"train": [1], "val": [2], "test": [3]}}, "requires an array named fold"),
        ({"y": np.zeros((4, 2))}, {}, "does not fit a multiclass task"),
        ({"x": np.array([["a"] * 3] * 4)}, {}, "it must be numeric"),
        ({"scale": np.ones(2)}, {}, "scale must be one number"),
        ({"class_names": np.array("a")}, {}, "class_names is a scalar"),
    ],
)
def test_windows_fails_when_arrays_are_invalid(tmp_path, arrays, settings, words):
    contents = {"x": np.zeros((4, 3)), "y": np.array([0, 1, 0, 1]), **arrays}
    if words == "missing arrays: y":
        del contents["y"]
    np.savez(tmp_path / "mine.npz", **contents)
    with pytest.raises(InputError, match=words):
        windows.load(window_settings(tmp_path, "mine.npz", **settings), 1)


def test_windows_fails_when_csv_values_contain_text(tmp_path):
    (tmp_path / "mine.csv").write_text("a,b,y\n1,2,0\nx,3,1\n")
    with pytest.raises(InputError, match="columns a hold text"):
        windows.load(window_settings(tmp_path, "mine.csv"), 1)


@pytest.mark.parametrize("column", ["y", "group"])
def test_windows_names_line_when_csv_cell_is_empty(tmp_path, column):
    table = pd.DataFrame({"v": [1.0, 2.0, 3.0], "y": ["a", "b", "a"], "group": ["s1", "s2", "s3"]})
    table.loc[1, column] = None
    table.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(InputError, match=f"column {column} is empty in line 3"):
        windows.load(window_settings(tmp_path, "mine.csv"), 1)


def test_windows_split_is_saved_when_csv_groups_are_strings(tmp_path):
    table = pd.DataFrame({"v": np.arange(9.0), "y": ["a", "b", "c"] * 3})
    table["group"] = [f"s{i}" for i in range(9)]
    table.to_csv(tmp_path / "mine.csv", index=False)
    samples = windows.load(window_settings(tmp_path, "mine.csv"), 1)
    save_split(tmp_path / "split.npz", samples)
    assert load_split(tmp_path / "split.npz").group.tolist() == table["group"].tolist()


def recording_settings(tmp_path: Path, **changes) -> dict:
    settings = {"kind": "recordings", "path": "mine.npz", "datasets_dir": str(tmp_path)}
    return {**settings, "arrays": {}, "window": 4, "stride": 2, "classes": None, **changes}


def recording(tmp_path: Path, **changes) -> None:
    arrays = {
        "x": np.arange(40, dtype=np.int16).reshape(20, 2),
        "start": np.array([0, 10]),
        "length": np.array([9, 4]),
        "label": np.array([1, 0]),
        "group": np.array([7, 8]),
        "class_names": np.array(["sit", "walk", "run"]),
        "scale": np.array([1.0, 0.5]),
    }
    np.savez(tmp_path / "mine.npz", **{**arrays, **changes})


def test_recordings_windows_stay_within_segments(tmp_path):
    recording(tmp_path)
    samples = recordings.load(recording_settings(tmp_path), 1)
    # A segment of 9 holds windows of 4 at 0, 2 and 4; a segment of 4 holds one.
    assert samples.x[:, 0, 0].tolist() == [0, 4, 8, 20]
    assert samples.x[0, :, 1].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert samples.y.tolist() == [1, 1, 1, 0]
    assert samples.group.tolist() == [7, 7, 7, 8]


def test_recordings_keep_chosen_classes_when_classes_are_set(tmp_path):
    recording(tmp_path)
    samples = recordings.load(recording_settings(tmp_path, classes=["walk"]), 1)
    assert samples.class_names == ("walk",)
    assert samples.y.tolist() == [0, 0, 0]


def test_recordings_use_segment_as_group_when_groups_are_missing(tmp_path):
    recording(tmp_path)
    arrays = dict(np.load(tmp_path / "mine.npz", allow_pickle=False))
    del arrays["group"]
    np.savez(tmp_path / "mine.npz", **arrays)
    assert recordings.load(recording_settings(tmp_path), 1).group.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("arrays", "settings", "words"),
    [
        ({}, {"arrays": {"group": "subject"}}, "missing arrays: subject"),
        ({"length": np.array([9, 11])}, {}, "segment 1 .* exceeds x"),
        ({"label": np.array([1])}, {}, "2 segment starts, but 1 labels"),
        ({}, {"classes": ["fly"]}, "unknown class fly. Known: sit, walk, run"),
        ({}, {"window": 50}, "no segment holds a window of 50"),
    ],
)
def test_recordings_fail_when_arrays_are_invalid(tmp_path, arrays, settings, words):
    recording(tmp_path, **arrays)
    with pytest.raises(InputError, match=words):
        recordings.load(recording_settings(tmp_path, **settings), 1)
