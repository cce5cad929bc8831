"""Tests of the dataset loaders with the real data in the folder SNUGNET_DATASETS."""

import os
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml
from snakemake.utils import update_config

from snugnet.config.study import Study
from snugnet.core.settings.datasets.folds import Folds
from snugnet.core.settings.datasets.ptbxl import PtbxlDataset
from snugnet.datasets.prepare import prepare
from tests.paths import ROOT

FOLDER = os.environ.get("SNUGNET_DATASETS")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(FOLDER is None, reason="SNUGNET_DATASETS names no folder of real data"),
]


def load(name: str):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(config, yaml.safe_load((ROOT / "config" / "real.yaml").read_text()))
    config["datasets_dir"] = str(Path(FOLDER or "").resolve())
    settings = Study(config).config.datasets[name]
    loader = import_module(f"snugnet.datasets.{settings.kind}")
    samples = loader.load(settings, Path(config["datasets_dir"]), 1)
    return samples, prepare(samples, settings, name, 1).splits


def test_mitdb_loader_has_published_counts_when_split_is_random():
    samples, splits = load("mitdb")
    # The database's own counts, less the beats too near an end for a window.
    published = np.array([75052, 8075, 7259, 7130, 2546])
    assert (published - np.bincount(samples.y) >= 0).all()
    assert (published - np.bincount(samples.y)).sum() < 100
    assert len(splits["test"].x) == pytest.approx(0.15 * len(samples.x), abs=1)
    assert splits["train"].x.shape[1:] == (1, 320, 1)


def test_mitdb_test_split_has_published_counts_when_interpatient():
    _, splits = load("mitdb_interpatient")
    published = np.array([44259, 1837, 3221, 388, 7])
    counts = np.bincount(splits["test"].y)
    assert (published - counts >= 0).all()
    assert (published - counts).sum() < 50
    # Records 201 (DS1) and 202 (DS2) are of one person: the published division has this flaw.
    shared = set(splits["train"].group.tolist()) & set(splits["test"].group.tolist())
    assert shared == {"201"}


def test_wisdm_loader_has_published_counts_when_split_by_subject():
    samples, splits = load("wisdm")
    assert np.bincount(samples.y).tolist() == [1641, 1607, 1603, 1634, 1625, 1608]
    assert len(set(samples.group.tolist())) == 46
    np.testing.assert_allclose(splits["train"].x.std(axis=(0, 1, 3), dtype=float), 1, atol=1e-4)
    _, raw = load("wisdm_raw")
    assert 19 < np.abs(raw["train"].x[:, :, :3]).max() < 20


def test_ptbxl_loader_has_published_counts_when_file_is_npz():
    samples, splits = load("ptbxl")
    assert samples.y.sum(axis=0).tolist() == [983, 250, 464, 418, 182]
    assert splits["train"].x.shape[1:] == (12, 1000, 1)


def test_mnist_loader_has_published_counts_when_data_is_real():
    samples, _ = load("mnist")
    train, test = samples.y[:60000], samples.y[60000:]
    assert np.bincount(train).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert np.bincount(test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_ptbxl_loader_reads_records_when_folder_is_official():
    from snugnet.datasets import ptbxl

    folds = Folds(train=(1, 2, 3, 4, 5, 6), val=(7,), test=(8,))
    samples = ptbxl.load(PtbxlDataset(kind="ptbxl", folds=folds), Path(FOLDER or ""), 1)
    assert len(samples.x) > 300
    assert samples.x.shape[1:] == (1000, 12)
    assert 0.05 < samples.x.std() < 1.0  # millivolts
