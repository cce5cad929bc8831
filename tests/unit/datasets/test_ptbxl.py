"""Tests of the loader of PTB-XL."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from snugnet.core.errors import InputError
from snugnet.core.settings.datasets.folds import Folds
from snugnet.core.settings.datasets.ptbxl import PtbxlDataset
from snugnet.datasets import ptbxl

RNG = np.random.default_rng(0)
FOLDS = Folds(train=(1,), val=(2,), test=(3,))
SETTINGS = PtbxlDataset(kind="ptbxl", path="ptbxl", folds=FOLDS)


@pytest.fixture
def datasets_dir(tmp_path) -> Path:
    """A folder with 12 records of 6 patients; 3 records have no superclass."""
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
    return tmp_path


def test_ptbxl_keeps_records_when_they_have_a_superclass(datasets_dir):
    samples = ptbxl.load(SETTINGS, datasets_dir, 1)
    assert samples.x.shape == (9, 1000, 12)
    assert samples.y[:3].tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 1]]
    assert sorted(set(samples.split.tolist())) == ["test", "train", "val"]
    assert samples.group.tolist()[:2] == [0, 0]


def test_ptbxl_names_file_when_record_is_missing(datasets_dir):
    (datasets_dir / "ptbxl" / "records100" / "00001_lr.hea").unlink()
    with pytest.raises(InputError, match=r"1 of 9 files are missing.*00001_lr\.hea"):
        ptbxl.load(SETTINGS, datasets_dir, 1)
