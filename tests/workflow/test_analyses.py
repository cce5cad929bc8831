"""Tests of a small study with all analyses, mixed precision, calibration and seeds."""

import json

import pandas as pd
import pytest

from tests.workflow.conftest import TINY, Project

STUDY = """
study:
  - models: [digits_fc]
    schemes: [float32, drq, fiq_float32, fiq_int8, mixed]
  - models: [digits_fc]
    seeds: [1, 2]
    variants: [original, calibrated]
    schemes: [float32, fiq_int8]
analyses:
  sensitivity:
    models: [digits_fc]
"""
OVERLAYS = (*TINY, "study.yaml")
CELL = "digits_fc/original/fiq_int8"


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("analyses"))
    (project.folder / "study.yaml").write_text(STUDY)
    project.snakemake("--cores", "all", "all", "analyses", *OVERLAYS)
    return project


@pytest.fixture(scope="module")
def table(study) -> pd.DataFrame:
    return pd.read_csv(study.results / "report" / "metrics.csv")


def of_original(table: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of the one network that every analysis covers."""
    return table[(table["model"] == "digits_fc") & (table["variant"] == "original")]


def test_quantization_steps_add_up_when_study_has_all_steps(table):
    rows = of_original(table[table["scheme"] != "mixed"])
    steps = rows.set_index("scheme")["delta_step"]
    assert pd.isna(steps["float32"])
    total = rows.set_index("scheme")["delta_float"]["fiq_int8"]
    assert steps[["drq", "fiq_float32", "fiq_int8"]].sum() == pytest.approx(total)
    assert rows["p_step_holm"].dropna().between(0, 1).all()


def test_layer_tables_list_every_layer_when_model_is_dense(study):
    debugged, traced = (
        pd.read_csv(study.results / f"debug/{CELL}/{name}.csv") for name in ("layers", "trace")
    )
    dense = ["FULLY_CONNECTED"] * 3
    assert debugged["operator"].tolist() == ["RESHAPE", *dense, "SOFTMAX"]
    assert set(debugged["index"]) < set(traced["index"])
    assert (debugged["rmse_per_scale"] < 2).all()
    assert traced["sqnr_db"].gt(10).all()
    assert set(traced["n"]) == {64}
    calibrated = study.results / "debug/digits_fc/calibrated/fiq_int8"
    assert (calibrated / "trace.csv").is_file()
    assert not (calibrated / "layers.csv").exists()  # it has quantizers of its own


def test_sensitivity_has_none_and_all_first_when_it_is_enabled(study, table):
    sweep = pd.read_csv(study.results / f"debug/{CELL}/sensitivity.csv")
    assert sweep["quantized"].tolist()[:2] == ["none", "all"]
    assert set(sweep["quantized"][2:]) == {"only", "all_but"}
    sizes = sweep.set_index("quantized")["size_bytes"]
    by_scheme = of_original(table).set_index("scheme")["size_bytes"]
    assert sizes["none"] == by_scheme["float32"]
    # Converted by the debugger, it lacks metadata of some dozen bytes.
    assert by_scheme["fiq_float32"] - 150 < sizes["all"] <= by_scheme["fiq_float32"]


def test_mistakes_have_accuracy_of_cell_when_scheme_is_fiq_int8(study, table):
    result = json.loads((study.results / f"debug/{CELL}/mistakes.json").read_text())
    row = of_original(table).set_index("scheme").loc["fiq_int8"]
    assert result["accuracy"] == pytest.approx(row["accuracy"])
    assert result["n"] == row["n"]
    names = {mistake["name"] for mistake in result["mistakes"]}
    assert names >= {"cast", "wrap", "cast_and_wrap", "input_zero_point"}


def test_mixed_cell_is_smallest_when_candidates_fit_budget(study, table):
    folder = study.results / "tflite/digits_fc/original/mixed"
    candidates = pd.read_csv(folder / "candidates.csv")
    chosen = candidates[candidates["chosen"]]
    row = table[table["scheme"] == "mixed"].iloc[0]
    assert len(chosen) == 1
    assert chosen.iloc[0]["size_bytes"] == row["size_bytes"]
    assert row["status"] == "ok"
    fits = candidates[candidates["within_budget"]]
    assert chosen.iloc[0]["size_bytes"] == fits["size_bytes"].min()


def test_calibration_chooses_best_rule_when_there_are_several(study):
    rules = pd.read_csv(study.results / "models/digits_fc/calibrated/calibration.csv")
    assert rules["rule"].tolist()[0] == "minmax"
    assert rules["chosen"].sum() == 1
    assert rules.loc[rules["chosen"], "accuracy"].iloc[0] == rules["accuracy"].max()


def test_seeds_table_has_mean_when_study_has_two_seeds(study, table):
    seeds = pd.read_csv(study.results / "report" / "seeds.csv")
    assert seeds["seeds"].tolist() == [2] * 4
    row = seeds[(seeds["variant"] == "original") & (seeds["scheme"] == "fiq_int8")].iloc[0]
    of_cell = table[table["model"].isin(["digits_fc", "digits_fc_s2"])]
    of_cell = of_cell[(of_cell["variant"] == "original") & (of_cell["scheme"] == "fiq_int8")]
    assert row["mean"] == pytest.approx(of_cell["accuracy"].mean())
    assert "# Across seeds" in (study.results / "report" / "metrics.md").read_text()


def test_plan_is_empty_when_study_is_finished(study):
    assert study.plan("all", "analyses", options=OVERLAYS) == {}
