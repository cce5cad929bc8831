"""Tests of a study with cross-validation by group."""

import json
import re

import numpy as np
import pytest
import yaml

from snugnet.core.predictions import load_predictions
from snugnet.report.files import read_table, to_records
from tests.workflow.conftest import Project

pytestmark = pytest.mark.slow

SUBJECTS, CLASSES, WINDOWS = 8, 3, 12
STUDY = {
    "results_dir": "results/wrist",
    "datasets_dir": ".",
    "study": [{"models": ["wrist"], "variants": ["original"], "schemes": ["float32", "fiq_int8"]}],
    "datasets": {
        "wrist": {
            "kind": "windows",
            "path": "wrist.npz",
            "arrays": {"group": "subject"},
            "folds": SUBJECTS,
        }
    },
    "models": {
        "wrist": {
            "architecture": "smartwatch",
            "dataset": "wrist",
            "training": {"epochs": 4, "learning_rate": 0.005},
        }
    },
    "analyses": {"layers": {"models": []}, "mistakes": {"models": []}},
    "gates": [],
}


def save_wrist_data(path) -> None:
    """Write motions of a wrist: three movements, which each subject makes with another strength."""
    rng = np.random.default_rng(0)
    shape = (SUBJECTS, CLASSES, WINDOWS)
    subject, y, _ = (index.ravel() for index in np.indices(shape))
    time = np.arange(32)
    strength = rng.normal(1, 0.2, SUBJECTS)[subject][:, np.newaxis]
    phase = (0.2 + 0.25 * y)[:, np.newaxis] * time
    x = np.stack([strength * np.sin(phase), strength * np.cos(phase)], axis=2)
    # Noise, so that no training finds a network without errors.
    x += rng.normal(0, 0.9, x.shape)
    np.savez(path, x=x.astype(np.float32), y=y, subject=subject)


@pytest.fixture(scope="module")
def wrist(tmp_path_factory) -> Project:
    """The finished study with one fold for each subject."""
    project = Project(tmp_path_factory.mktemp("wrist"))
    save_wrist_data(project.folder / "wrist.npz")
    (project.folder / "wrist.yaml").write_text(yaml.safe_dump(STUDY))
    project.first_output = project.snakemake("--cores", "2", "all", "--configfile", "wrist.yaml")
    return project


def test_figures_are_of_all_subjects_when_study_has_folds(wrist):
    results = wrist.folder / "results/wrist"
    rows = to_records(read_table(results / "report/metrics.csv"))
    assert {row["model"] for row in rows} == {"wrist"}
    for row in rows:
        cell = f"wrist/original/{row['scheme']}/litert"
        folds = [
            load_predictions(results / f"predictions/{cell.replace('/', f'_fold{i}/', 1)}.npz")
            for i in range(1, SUBJECTS + 1)
        ]
        assert all(len(np.unique(fold.group)) == 1 for fold in folds)
        correct = np.concatenate([fold.compute_correctness() for fold in folds])
        assert row["accuracy"] == pytest.approx(correct.mean())
        assert (row["n"], row["n_groups"], row["folds"]) == (len(correct), SUBJECTS, SUBJECTS)
        assert 0 <= row["accuracy_low"] < row["accuracy"] < row["accuracy_high"] <= 1
        by_group = json.loads((results / f"metrics/{cell}.json").read_text())["by_group"]
        assert [group["n"] for group in by_group] == [CLASSES * WINDOWS] * SUBJECTS
        assert np.mean([group["accuracy"] for group in by_group]) == pytest.approx(row["accuracy"])


def test_delivered_model_knows_all_folds_when_study_has_folds(wrist):
    record = json.loads((wrist.folder / "results/wrist/data/wrist/record.json").read_text())
    groups = {name: split["groups"] for name, split in record["splits"].items()}
    assert groups["train"] + groups["val"] == SUBJECTS
    file = re.search(r"^  wrist: (.*model\.tflite)$", wrist.first_output, re.MULTILINE)
    assert file
    assert "_fold" not in file[1]
    assert (wrist.folder / file[1]).is_file()


def test_report_shows_accuracy_by_group_when_samples_have_groups(wrist):
    report = wrist.folder / "results/wrist/report"
    assert "# Accuracy by group" in (report / "metrics.md").read_text()
    page = (report / "index.html").read_text()
    assert "Accuracy by group of wrist" in page
    assert f"{SUBJECTS} folds" in page
    assert "⚠" not in page
    assert "Warning" not in wrist.first_output
    assert len((report / "groups.csv").read_text().splitlines()) == 1 + 2 * SUBJECTS


def test_verdict_has_a_warning_when_test_split_has_two_subjects(wrist):
    study = json.loads(json.dumps(STUDY))
    study["results_dir"] = "results/single"
    del study["datasets"]["wrist"]["folds"]
    (wrist.folder / "single.yaml").write_text(yaml.safe_dump(study))
    output = wrist.snakemake("--cores", "2", "all", "--configfile", "single.yaml")
    verdict = output[output.index("All checks passed") :].splitlines()
    assert verdict[1].startswith("Warning: wrist: only 2 groups in the test samples.")
    page = (wrist.folder / "results/single/report/index.html").read_text()
    assert "⚠ wrist: only 2 groups in the test samples." in page
