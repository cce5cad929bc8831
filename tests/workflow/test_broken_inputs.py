"""Tests of a study with broken input files."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import wfdb
import yaml

from snugnet.datasets.sources import MITDB_RECORDS, MNIST_FILES


def windows(path: Path, **changes) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "x": rng.normal(0, 1, (60, 8, 2)).astype(np.float32),
        "y": np.arange(60) % 2,
        "class_names": np.array(["a", "b"]),
    }
    np.savez(path, **{**arrays, **changes})


def spoiled(value: float) -> np.ndarray:
    x = np.zeros((60, 8, 2), dtype=np.float32)
    x[7, 3, 1] = value
    return x


def truncated(path: Path) -> None:
    windows(path)
    path.write_bytes(path.read_bytes()[:700])


def pickled(path: Path) -> None:
    windows(path, x=np.array([{"a": 1}] * 60, dtype=object))


WINDOWS = {
    "truncated": (truncated, "truncated or not an .npz file"),
    "pickled": (pickled, "pickled arrays are not allowed"),
    "nan": (
        lambda path: windows(path, x=spoiled(np.nan)),
        "NaN or infinite values, the first in sample 7",
    ),
    "infinite": (lambda path: windows(path, x=spoiled(np.inf)), "NaN or infinite"),
    "labels": (lambda path: windows(path, y=np.arange(60) % 3), "sample 2 has label 2"),
    "lonely": (lambda path: windows(path, y=(np.arange(60) == 9) * 1), "class 'b' has 1 sample"),
    "split": (
        lambda path: windows(path, split=np.array(["train", "test"] * 30)),
        "the val split is empty",
    ),
}


def wfdb_with_broken_header(folder: Path) -> None:
    folder.mkdir()
    signal = np.random.default_rng(0).normal(0, 1, (2000, 1))
    for name in MITDB_RECORDS:
        wfdb.wrsamp(name, 360, ["mV"], ["MLII"], signal, fmt=["16"], write_dir=str(folder))
        wfdb.wrann(name, "atr", np.array([500]), symbol=["N"], write_dir=str(folder))
    (folder / "104.hea").write_text("no header\n")


def idx_with(folder: Path, data: bytes) -> None:
    folder.mkdir()
    for name in MNIST_FILES:
        (folder / name).write_bytes(gzip.compress(data, mtime=0))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Run the data stage of a study in which every dataset but one is broken."""
    from tests.workflow.conftest import Project

    project = Project(tmp_path_factory.mktemp("broken"))
    folder = project.folder / "datasets"
    folder.mkdir()
    datasets, messages = {}, {}
    for name, (make, message) in WINDOWS.items():
        make(folder / f"{name}.npz")
        datasets[name] = {"kind": "windows", "path": f"{name}.npz"}
        messages[name] = message
    wfdb_with_broken_header(folder / "beats")
    datasets["beats"] = {"kind": "mitdb", "path": "beats"}
    messages["beats"] = "datasets/beats/104: cannot be read as a WFDB record"
    idx_with(folder / "magic", b"\x00\x00\x0d\x03" + b"\x00" * 12)
    datasets["magic"] = {"kind": "mnist", "path": "magic"}
    messages["magic"] = "wrong IDX magic number 00000d03"
    idx_with(folder / "length", b"\x00\x00\x08\x01\x00\x00\x00\x05" + b"\x00" * 4)
    datasets["length"] = {"kind": "mnist", "path": "length"}
    messages["length"] = "holds 4 values, but its header states (5,): 5"
    models = {name: {"architecture": "fc", "dataset": name} for name in [*datasets, "digits"]}
    overlay = {
        "results_dir": "results/broken",
        "study": [{"models": list(models), "schemes": ["float32"]}],
        "datasets": datasets,
        "models": models,
    }
    (project.folder / "config" / "broken.yaml").write_text(yaml.safe_dump(overlay))
    text = project.snakemake(
        *("--cores", "all", "--keep-going", "data"),
        *("--configfile", "config/broken.yaml"),
        ok=False,
    )
    return project, text, messages


BROKEN = [*WINDOWS, "beats", "magic", "length"]


@pytest.mark.parametrize("name", BROKEN)
def test_log_has_one_error_when_dataset_is_broken(outcome, name):
    project, text, messages = outcome
    log = project.folder / f"results/broken/logs/prepare_dataset/{name}.log"
    lines = [line for line in log.read_text().splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert messages[name] in lines[0]
    assert name in lines[0]
    assert "Traceback" not in log.read_text()
    # And the user sees it without looking for the log.
    assert lines[0] in text


@pytest.mark.parametrize("name", BROKEN)
def test_data_folder_is_empty_when_dataset_is_broken(outcome, name):
    project, _, _ = outcome
    folder = project.folder / "results" / "broken" / "data" / name
    assert list(folder.glob("*")) == []


def test_other_dataset_is_prepared_when_one_is_broken(outcome):
    project, _, _ = outcome
    paths = (project.folder / "results/broken/data/digits").glob("[!.]*")
    assert sorted(path.name for path in paths) == [
        "calib.npz",
        "record.json",
        "test.npz",
        "train.npz",
        "val.npz",
    ]


def test_run_fails_before_jobs_when_results_dir_not_writable(project):
    """Below /proc nobody, not even root, can make a folder."""
    text = project.snakemake(
        *("--cores", "1", "all", "--configfile", "config/tiny.yaml"),
        *("--config", "results_dir=/proc/snugnet"),
        ok=False,
    )
    assert "results_dir: cannot write to '/proc/snugnet'" in text
    assert "prepare_dataset" not in text


def test_run_fails_before_jobs_when_source_files_are_missing(project):
    """Only if the run needs them. What was made of a deleted file stays up to date."""
    (project.folder / "datasets").mkdir(exist_ok=True)
    (project.folder / "missing.yaml").write_text(
        "datasets:\n"
        "  lost: {kind: windows, path: no/lost.npz, folds: 2}\n"
        "  unused: {kind: windows, path: unused.npz}\n"
        "models: {lost: {architecture: fc, dataset: lost}}\n"
        "study: [{models: [lost, digits_fc], schemes: [float32]}]\n"
    )
    options = ("--configfile", "config/tiny.yaml", "missing.yaml")
    message = (
        "configuration: these settings are invalid:\n"
        "  datasets.lost.path: no file 'datasets/no/lost.npz'; set `path` of the dataset, or "
        "`datasets_dir`, to where your file is\n"
    )
    for dry_run in ((), ("--dry-run",)):
        text = project.snakemake("--cores", "1", "all", *dry_run, *options, ok=False)
        assert message in text
        assert "Traceback" not in text
        assert "unused" not in text
        assert not (project.results / "data").exists()
    split = f"{project.results.relative_to(project.folder)}/data/digits/train.npz"
    project.snakemake("--cores", "1", split, *options)
    assert "these settings" not in project.snakemake("--cores", "1", "--touch", "data", *options)


def test_predict_job_fails_when_split_is_truncated(tiny):
    """A file that was cut short on disk: its reader reports this and leaves no output."""
    test = tiny.results / "data/digits/test.npz"
    predictions = tiny.results / "predictions/digits_fc/original/drq/litert.npz"
    content = test.read_bytes()
    times = (test.stat().st_atime, test.stat().st_mtime)
    test.write_bytes(content[:5000])
    try:
        text = tiny.snakemake(
            *("--cores", "1", str(predictions.relative_to(tiny.folder)), "--forcerun"),
            *("predict_litert", "--configfile", "config/tiny.yaml"),
            ok=False,
        )
        assert "data/digits/test.npz: damaged or changed since it was created" in text
        assert not predictions.exists()
    finally:
        test.write_bytes(content)
        os.utime(test, times)
        tiny.snakemake("--cores", "1", "all", "--configfile", "config/tiny.yaml")
