"""Tests of a small study with Akida schemes."""

import json

import numpy as np
import pandas as pd
import pytest

from snugnet.core.predictions import load_predictions
from tests.workflow.conftest import TINY, Project

STUDY = (
    *TINY,
    "--config",
    "study=[{models: [digits_akida], variants: [original, original_qat],"
    " schemes: [float32, akida_v1_w4a4, akida_v2_w8a8]},"
    " {models: [smartwatch_lean], schemes: [akida_v2_w8a8]}]",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("akida"))
    project.snakemake("--cores", "all", "all", *STUDY)
    return project


@pytest.fixture(scope="module")
def table(study) -> pd.DataFrame:
    return pd.read_csv(study.results / "report" / "metrics.csv")


def test_akida_rows_have_reason_when_model_is_incompatible(study, table):
    akida = table[table["scheme"].str.startswith("akida")]
    assert len(akida) == 2 * 2 * 2 + 2
    fits = akida[akida["model"] == "digits_akida"]
    assert (fits["status"] == "ok").all()
    assert (fits["akida_hardware"] == True).all()  # noqa: E712 -- a column of objects
    assert set(fits["akida_device"]) == {"AKD1000", "SixNodesIPv2"}
    assert (fits["accuracy"] > 0.5).all()
    refused = akida[akida["model"] == "smartwatch_lean"]
    assert (refused["status"] == "incompatible").all()
    assert refused["reason"].str.startswith("pool_1: pool size (2, 1), strides (2, 1); ").all()
    assert refused["accuracy"].isna().all()
    assert json.loads((study.results / "report" / "gate.json").read_text())["verdict"] == "pass"


def test_akida_simulator_equals_keras_when_model_fits(study):
    for variant in ("original", "original_qat"):
        folder = study.results / "predictions" / "digits_akida" / variant
        for scheme in ("akida_v1_w4a4", "akida_v2_w8a8"):
            keras, akida = (
                load_predictions(folder / scheme / f"{runtime}.npz")
                for runtime in ("keras", "akida")
            )
            path = study.results / "akida" / "digits_akida" / variant / scheme / "agreement.json"
            agreement = json.loads(path.read_text())
            np.testing.assert_array_equal(keras.raw, akida.raw)
            assert agreement["verdict"] == "exact"
            assert agreement["saturated_inputs"] == 0
            if scheme == "akida_v1_w4a4":
                assert agreement["quantizeml"]["verdict"] == "differs"


def test_akida_page_lists_model_when_it_does_not_fit(study):
    page = (study.results / "report" / "akida.md").read_text()
    assert "| digits_akida" in page
    assert "## Models that do not fit" in page
    assert "| smartwatch_lean" in page


def test_preflight_names_layer_when_model_does_not_fit(study):
    assert study.plan("preflight", options=STUDY) == {"preflight_akida": 3, "tabulate_preflight": 1}
    study.snakemake("--cores", "all", "preflight", *STUDY)
    page = (study.results / "report" / "preflight.md").read_text()
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in page.splitlines()]
    assert ["digits_akida", "akida_v1_w4a4", "AKD1000", "yes"] in lines
    assert ["smartwatch_lean", "akida_v2_w8a8", "SixNodesIPv2", "no"] in lines
    pool = ["smartwatch_lean", "akida_v2_w8a8", "pool_1", "pool size (2, 1), strides (2, 1)"]
    assert [*pool, "use a square pool"] in lines


def test_akida_plan_has_only_affected_jobs_when_device_changes(study):
    assert study.plan(options=STUDY) == {}
    old, new = (
        "calibration:\n",
        "schemes: {akida_v2_w8a8: {device: TwoNodesIPv2}}\n\ncalibration:\n",
    )
    with study.edited("config/tiny.yaml", old, new):
        plan = study.plan(options=STUDY)
        before = study.plan("preflight", options=STUDY)
    assert before == {"preflight_akida": 2, "tabulate_preflight": 1}
    assert plan == {
        "convert_akida": 2,
        "train_akida": 1,
        "predict_keras": 3,
        "predict_akida": 3,
        "compare_akida": 3,
        "score_akida": 6,
        "tabulate": 1,
        "tabulate_akida": 1,
        "evaluate_gate": 1,
        "write_report": 1,
        "draw_figures": 1,
        "gate": 1,
    }
