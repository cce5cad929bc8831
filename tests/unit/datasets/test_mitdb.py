"""Tests of the loader of the MIT-BIH Arrhythmia Database."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.core.settings.datasets.mitdb import MitdbDataset
from snugnet.datasets import mitdb

RNG = np.random.default_rng(0)


def write_record(folder: Path, name: str, leads: tuple[str, str]) -> None:
    """Write a WFDB record of two leads with beats of six kinds, 400 samples apart."""
    signal = RNG.normal(0, 0.3, (6000, 2))
    signal[:, 1] += 5.0
    beats = np.arange(400, 5600, 400)
    symbols = [("N", "L", "R", "V", "A", "~")[i % 6] for i in range(len(beats))]
    wfdb.wrsamp(
        name, 360, ["mV", "mV"], list(leads), signal, fmt=["16", "16"], write_dir=str(folder)
    )
    wfdb.wrann(name, "atr", beats, symbol=symbols, write_dir=str(folder))


@pytest.fixture(scope="module")
def wfdb_folder(tmp_path_factory) -> Path:
    """A folder with all 48 records: copies of record 100, but in 114 MLII is the second lead."""
    folder = tmp_path_factory.mktemp("data") / "mitdb"
    folder.mkdir()
    write_record(folder, "100", ("MLII", "V1"))
    for name in mitdb.MITDB_RECORDS[1:]:
        for suffix in ("hea", "dat", "atr"):
            shutil.copy(folder / f"100.{suffix}", folder / f"{name}.{suffix}")
        header = (folder / f"{name}.hea").read_text().replace("100", name, 1)
        (folder / f"{name}.hea").write_text(header.replace("100.dat", f"{name}.dat"))
    write_record(folder, "114", ("V5", "MLII"))
    return folder


@pytest.fixture
def copied_folder(wfdb_folder, tmp_path) -> Path:
    """A copy of the folder, which a test can change."""
    return Path(shutil.copytree(wfdb_folder, tmp_path / "mitdb"))


def load(folder: Path, protocol: str = "nlrva") -> Samples:
    settings = MitdbDataset(
        kind="mitdb", path=folder.name, protocol=protocol, window=320, val=0.15, test=0.15
    )
    return mitdb.load(settings, folder.parent, 1)


def test_mitdb_centres_windows_on_beats_when_mlii_is_first(wfdb_folder):
    samples = load(wfdb_folder)
    signal = wfdb.rdrecord(str(wfdb_folder / "100")).p_signal[:, 0]
    assert samples.x.shape[1:] == (320, 1)
    assert samples.class_names == ("N", "L", "R", "V", "A")
    np.testing.assert_allclose(samples.x[0, :, 0], signal[400 - 160 : 400 + 160], atol=1e-6)
    # A record has 13 annotations; two of them are not beats of the five classes.
    assert len(samples.x) == 48 * 11


def test_mitdb_reads_mlii_when_it_is_the_second_lead(wfdb_folder):
    samples = load(wfdb_folder)
    signal = wfdb.rdrecord(str(wfdb_folder / "114")).p_signal[:, 1]
    window = samples.x[samples.group == "114"][0, :, 0]
    np.testing.assert_allclose(window, signal[400 - 160 : 400 + 160], atol=1e-6)


def test_mitdb_splits_by_beat_when_protocol_is_nlrva(wfdb_folder):
    samples = load(wfdb_folder)
    assert (samples.split == "test").sum() == pytest.approx(0.15 * len(samples.x), abs=1)
    train_patients = set(samples.group[samples.split == "train"])
    test_patients = set(samples.group[samples.split == "test"])
    assert len(train_patients & test_patients) > 40


def test_mitdb_has_one_patient_when_records_are_201_and_202(wfdb_folder):
    samples = load(wfdb_folder)
    assert len(set(samples.group.tolist())) == 47
    assert "202" not in samples.group


def test_mitdb_keeps_ds2_for_test_when_protocol_is_interpatient(wfdb_folder):
    samples = load(wfdb_folder, "aami_interpatient")
    assert samples.class_names == ("N", "S", "V", "F", "Q")
    test_patients = set(samples.group[samples.split == "test"].tolist())
    assert test_patients == {mitdb.PATIENT.get(name, name) for name in mitdb.DS2}
    assert set(samples.group[samples.split == "val"].tolist()) == set(mitdb.DS1_VAL)
    assert not set(mitdb.DS1) & set(mitdb.DS2)
    # In this protocol, N, L and R are one class.
    assert np.bincount(samples.y).tolist()[0] == 44 * (3 + 2 + 2)


def test_mitdb_names_file_when_annotations_are_missing(copied_folder):
    (copied_folder / "100.atr").unlink()
    with pytest.raises(InputError, match=r"1 of 144 files are missing.*100\.atr.*To get them"):
        load(copied_folder)


def test_mitdb_names_record_when_header_is_invalid(copied_folder):
    (copied_folder / "101.hea").write_text("nonsense")
    with pytest.raises(InputError, match=r"101: cannot be read as a WFDB record"):
        load(copied_folder)


def test_mitdb_names_source_when_folder_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"144 of 144 files are missing in .*physionet"):
        load(tmp_path / "none")
