"""Tests of a study with a Keras file that has two inputs."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from tests.paths import ROOT
from tests.two_inputs import make_arrays
from tests.workflow.conftest import Project

pytestmark = pytest.mark.slow

# TensorFlow stays out of the process that runs the tests of the workflow.
TRAIN = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from tests.unit.cli.foreign_models import two_inputs
data = np.load("own.npz")
model = two_inputs()
model.compile("adam", "sparse_categorical_crossentropy")
model.fit([data["ecg"][..., None], data["person"]], data["y"], epochs=60, verbose=0)
model.save("two.h5")
"""
STUDY = ("--configfile", "config/own.yaml")
# A comment in the study that init writes, before which further cells are added.
COMMENT = "    # schemes: "
CELLS = "  - {models: [own], variants: [original], schemes: [mixed, int16x8, float16]}\n"
ANALYSES = "\nanalyses:\n  mistakes: {models: [own]}\n  sensitivity: {models: [own]}\n"


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Project:
    """The finished study that `snugnet init` writes, with all analyses and mixed precision."""
    project = Project(tmp_path_factory.mktemp("two"))
    np.savez(project.folder / "own.npz", **make_arrays(400))
    status, output = project.run(sys.executable, "-c", TRAIN, str(ROOT))
    assert status == 0, output
    arrays = ("--array", "waveform=ecg", "--array", "age=person", "--array", "group=subject")
    command = ("-m", "snugnet.cli.main", "init", "--data", "own.npz", "--model", "two.h5", *arrays)
    status, output = project.run(sys.executable, *command)
    assert status == 0, output
    assert "sample shape: age 2, waveform 32 x 1" in output
    config = project.folder / "config/own.yaml"
    config.write_text(config.read_text().replace(COMMENT, CELLS + COMMENT) + ANALYSES)
    project.snakemake("--cores", "2", "all", "analyses", *STUDY)
    project.results = project.folder / "results/own"
    return project


def test_study_measures_all_cells_when_model_has_two_inputs(study):
    table = pd.read_csv(study.results / "report/metrics.csv")
    assert set(table["variant"]) == {"original", "original_qat", "pruned", "pruned_qat"}
    assert {"mixed", "int16x8", "float16"} <= set(table["scheme"])
    assert (table["status"] == "ok").all()
    assert (table["accuracy"] > 0.9).all()


def test_study_files_are_exact_when_model_has_two_inputs(study):
    paths = list(study.results.glob("verify/own/*/fiq_*/certificate.json"))
    assert len(paths) == 4 * 3
    for path in paths:
        certificate = json.loads(path.read_text())
        assert certificate["litert_ref"]["verdict"] == "exact", path
        assert certificate["tflm"]["verdict"] == "exact", path
        # The network was certified once, and each file only at its inputs and its output.
        assert certificate["network"] is not None, path


def test_study_traces_both_inputs_when_model_has_two(study):
    trace = pd.read_csv(study.results / "debug/own/original/fiq_int8/trace.csv")
    assert (trace["operator"] == "INPUT").sum() == 2


def test_mistakes_cost_accuracy_when_model_has_two_inputs(study):
    result = json.loads((study.results / "debug/own/original/fiq_int8/mistakes.json").read_text())
    deltas = {mistake["name"]: mistake["delta"] for mistake in result["mistakes"]}
    assert deltas["input_zero_point"] < -0.2


def test_plan_is_empty_when_study_is_finished(study):
    assert study.plan("all", "analyses", options=STUDY) == {}
