"""Tests of the results of the tiny study."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from snugnet.core.predictions import load_predictions
from snugnet.core.samples import load_split
from snugnet.core.tflite_schemes import FULL_INTEGER
from snugnet.evaluation.table import COLUMNS
from snugnet.jobs.checksums import record
from snugnet.tflite.flatbuffer import read_graph


@pytest.fixture(scope="module")
def table(tiny) -> pd.DataFrame:
    return pd.read_csv(tiny.results / "report" / "metrics.csv")


def test_metrics_table_has_ok_row_per_cell_when_study_is_tiny(table):
    assert list(table.columns) == COLUMNS
    assert len(table) == 5 + 5 + 2 + 2 + 2 * 2 + 3 * 2
    assert (table["status"] == "ok").all()
    assert set(table["task"]) == {"multiclass", "multilabel", "binary"}


def test_accuracy_is_at_least_80_percent_when_study_is_tiny(table):
    low = table[table["accuracy"] < 0.8]
    assert low.empty, low[["model", "variant", "scheme", "accuracy"]].to_string()


def test_metrics_table_has_values_only_when_they_apply(table):
    by_model = table.groupby("model").first()
    assert pd.isna(by_model["n_groups"]["digits_fc"])
    assert by_model["n_groups"]["smartwatch_lean"] == 10
    assert pd.isna(by_model["hamming_loss"]["digits_fc"])
    assert by_model["hamming_loss"]["bspc_lean"] > 0
    integer = table["scheme"].isin(FULL_INTEGER)
    assert (table.loc[integer, "arena_bytes"] > 0).all()
    assert (table.loc[integer, ["litert_ref", "tflm"]] == "exact").all(axis=None)
    of_certificates = ["arena_bytes", "litert_ref", "tflm", "verification", "xnnpack_worst_lsb"]
    assert table.loc[~integer, of_certificates].isna().all(axis=None)
    assert (table["latency_us_median"] > 0).all()
    assert (table["accuracy_low"] <= table["accuracy"]).all()
    assert (table["accuracy"] <= table["accuracy_high"]).all()


def test_table_accuracy_equals_mean_when_predictions_are_loaded(tiny, table):
    for row in table.itertuples():
        path = f"{row.model}/{row.variant}/{row.scheme}/{row.runtime}.npz"
        predictions = load_predictions(tiny.results / "predictions" / path)
        assert row.accuracy == pytest.approx(predictions.compute_correctness().mean())
        assert row.n == len(predictions.labels)


def test_metrics_page_shows_model_when_table_has_it(tiny, table):
    page = (tiny.results / "report" / "metrics.md").read_text()
    for model in table["model"].unique():
        assert f"## {model}" in page
    assert "synthetic_imu" in page


def test_manifest_lists_results_and_code_when_study_is_finished(tiny):
    manifest = json.loads((tiny.results / "manifest.json").read_text())
    digests = tiny.digests()
    assert manifest["results"] == {name: digests[name] for name in manifest["results"]}
    # Files of no cell, from which others are derived.
    others = digests.keys() - manifest["results"].keys()
    assert len(others) == 16
    assert all(re.fullmatch(r"tflite/\S+/fiq_(float32|int8)/\S+", name) for name in others)
    assert "snugnet/int8/engine.py" in manifest["code"]
    assert "scripts/train.py" in manifest["code"]
    assert manifest["versions"]["tensorflow"].startswith("2.19")


def test_gate_passes_when_study_is_tiny(tiny):
    gate = json.loads((tiny.results / "report" / "gate.json").read_text())
    assert gate == {"verdict": "pass", "cells": 24, "failures": [], "requirements": [], "fits": []}


def cell_of(table: pd.DataFrame, model: str, variant: str, scheme: str) -> pd.Series:
    rows = table[
        (table["model"] == model) & (table["variant"] == variant) & (table["scheme"] == scheme)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize("variant", ["sparse", "sparse_qat"])
@pytest.mark.parametrize("scheme", ["float32", "fiq_int8"])
def test_zeros_are_kept_when_model_is_trained_and_converted(tiny, table, variant, scheme):
    row = cell_of(table, "digits_fc", variant, scheme)
    assert row["file_zeros"] >= 0.645
    path = tiny.results / f"tflite/digits_fc/{variant}/{scheme}/contract.json"
    for weights in json.loads(path.read_text())["weights"]:
        assert weights["zeros"] >= (0.65 * weights["size"] - 1) / weights["size"], weights["name"]
    dense = cell_of(table, "digits_fc", "original", scheme)
    assert dense["file_zeros"] < 0.1
    assert row["size_gzip_bytes"] < 0.7 * dense["size_gzip_bytes"]


def test_model_has_requested_size_when_pruned_or_factorized(tiny, table):
    rows = {
        variant: cell_of(table, "smartwatch_lean", variant, "fiq_int8")
        for variant in ("original", "pruned", "lowrank", "lowrank_qat")
    }
    share = rows["pruned"]["parameters"] / rows["original"]["parameters"]
    assert share == pytest.approx(0.5, abs=0.005)
    assert rows["lowrank"]["parameters"] < rows["pruned"]["parameters"]
    assert rows["lowrank"]["parameters"] == rows["lowrank_qat"]["parameters"]
    assert rows["lowrank"]["macs"] < rows["pruned"]["macs"]
    assert rows["pruned"]["size_bytes"] < rows["original"]["size_bytes"]
    stats = json.loads((tiny.results / "models/smartwatch_lean/lowrank/stats.json").read_text())
    layers = {layer["name"]: layer for layer in stats["layers"]}
    (inputs, rank), (_, units) = layers["dense_1"]["shapes"][0], layers["dense"]["shapes"][0]
    assert rank == max(1, round(0.4 * min(inputs, units))) >= layers["dense_1"]["rank"]


def test_metrics_table_compares_with_parent_when_variant_has_one(table):
    by_parent = table[table["parent"].notna()]
    assert by_parent["delta_parent"].notna().all()
    assert by_parent["p_parent_holm"].between(0, 1).all()
    assert table.loc[table["parent"].isna(), "delta_parent"].isna().all()
    for row in by_parent.itertuples():
        parent = cell_of(table, row.model, row.parent, row.scheme)
        assert row.delta_parent == pytest.approx(row.accuracy - parent["accuracy"])


def test_run_fails_before_training_when_request_is_wrong(project):
    old = "dense: {method: svd, rank: 0.4}"
    with project.edited("config.yaml", old, old.replace("dense", "dens")):
        text = project.snakemake(
            *("--cores", "1", "results/tiny/models/smartwatch_lean/lowrank/model.h5"),
            *("--configfile", "config/tiny.yaml"),
            ok=False,
        )
    assert "variant lowrank: layers: dens cannot be factorized; allowed: conv_1, conv_2" in text
    assert not (project.results / "models/smartwatch_lean").exists()


def test_tflite_file_has_input_type_when_scheme_names_it(tiny):
    paths = list(tiny.results.glob("tflite/*/*/fiq_*/model.tflite"))
    assert paths
    for path in paths:
        graph = read_graph(path)
        dtype = path.parent.name.removeprefix("fiq_")
        assert graph.tensors[graph.inputs[0]].dtype == dtype


def test_calibration_samples_equal_train_when_index_is_applied(tiny):
    paths = list(tiny.results.glob("data/*/calib.npz"))
    assert paths
    for path in paths:
        train = load_split(path.with_name("train.npz"))
        with np.load(path, allow_pickle=False) as calib:
            np.testing.assert_array_equal(calib["x"], train.x[calib["index"]])
            assert calib["seed"] == 1
            assert len(calib["index"]) == min(40, len(train.x))


def test_group_is_in_one_split_when_dataset_is_synthetic(tiny):
    folders = list(tiny.results.glob("data/synthetic_*"))
    assert folders
    for folder in folders:
        groups = [set(load_split(folder / f"{s}.npz").group) for s in ("train", "val", "test")]
        assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


def test_logs_have_progress_and_messages_when_jobs_have_ended(tiny):
    log = (tiny.results / "logs/train/digits_fc/original.log").read_text()
    assert "epochs: 6/6" in log
    assert "left" in log
    converting = (tiny.results / "logs/convert_tflite/digits_fc/original/drq.log").read_text()
    assert "flatbuffer_helpers.cc" in converting
    assert (tiny.results / "benchmarks/train/digits_fc/original.tsv").is_file()


def test_history_and_stats_are_written_when_model_is_trained(tiny):
    folder = tiny.results / "models/digits_fc/original"
    history = pd.read_csv(folder / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    stats = json.loads((folder / "stats.json").read_text())
    assert stats["macs"] == 64 * 128 + 128 * 64 + 64 * 10


def test_run_does_nothing_when_study_is_finished(tiny):
    assert "Nothing to be done" in tiny.snakemake(
        "--cores", "1", "all", "--configfile", "config/tiny.yaml"
    )


def test_results_have_no_partial_files_when_study_is_finished(tiny):
    assert list(tiny.folder.rglob("*.partial*")) == []


def test_plan_has_required_jobs_when_target_is_file_or_stage(project):
    cell = "results/tiny/tflite/digits_fc/original/fiq_int8/model.tflite"
    assert project.plan(cell) == {
        "prepare_dataset": 1,
        "draw_calibration": 1,
        "train": 1,
        "convert_tflite": 2,  # the network with float32 ends, and the file derived from it
    }
    float_cell = "results/tiny/tflite/digits_fc/original/float32/model.tflite"
    assert "draw_calibration" not in project.plan(float_cell)
    assert project.plan("data") == {"prepare_dataset": 4, "draw_calibration": 4}
    models = {"train": 4, "compress": 3, "train_quantized": 2}
    assert project.plan("models") == {"prepare_dataset": 4, **models}
    assert project.plan("tflite")["convert_tflite"] == 27  # 22 cells, and 5 files to derive from
    assert project.plan("tflite")["convert_qat"] == 4
    assert project.plan("report")["tabulate"] == 1
    project.snakemake("--cores", "1", cell, "--configfile", "config/tiny.yaml")
    assert (project.folder / cell).is_file()


@pytest.mark.parametrize(
    "target",
    [
        "results/tiny/tflite/digits_fc/original/int9/model.tflite",
        "results/tiny/tflite/digits_fcc/original/drq/model.tflite",
        "results/tiny/predictions/digits_fc/original/drq/akida.npz",
    ],
)
def test_run_fails_when_target_cannot_exist(project, target):
    text = project.snakemake("-n", target, "--configfile", "config/tiny.yaml", ok=False)
    assert "MissingRuleException" in text


def test_run_fails_before_jobs_when_config_is_wrong(project):
    with project.edited("config/tiny.yaml", "epochs: 6", "epoch: 6"):
        text = project.snakemake("--cores", "1", *("--configfile", "config/tiny.yaml"), ok=False)
    assert "models.digits_fc.training: unknown key 'epoch'. Did you mean 'epochs'?" in text
    assert "prepare_dataset" not in text


def test_variant_starts_from_parent_when_method_is_finetune(project):
    variants = "variants:\n  original:\n    method: train\n"
    more = "  tuned:\n    method: finetune\n    parent: original\n    training:\n      epochs: 2\n"
    cell = "results/tiny/models/digits_fc/tuned/model.h5"
    with project.edited("config.yaml", variants, variants + more):
        jobs = ("prepare_dataset", "train", "compress")
        assert project.plan(cell) == dict.fromkeys(jobs, 1)
        project.snakemake("--cores", "1", cell, "--configfile", "config/tiny.yaml")
    history = pd.read_csv(project.folder / cell.replace("model.h5", "history.csv"))
    first = pd.read_csv(project.results / "models/digits_fc/original/history.csv")
    assert len(history) == 2
    assert history["loss"][0] < first["loss"][0] / 2


def test_run_fails_and_keeps_report_when_contract_fails(tiny):
    """A file that breaks the contract of its scheme fails `all`, after the report."""
    contract = tiny.results / "tflite/digits_fc/original/drq/contract.json"
    before = contract.read_text()
    broken = {**json.loads(before), "verdict": "fail", "findings": ["input is int8"]}
    contract.write_text(json.dumps(broken))
    record([str(contract)])  # as if a job had written it
    try:
        text = tiny.snakemake("--cores", "1", "all", "--configfile", "config/tiny.yaml", ok=False)
        assert "checks failed (" in text
        assert "digits_fc/original/drq/litert: input is int8" in text
        gate = json.loads((tiny.results / "report" / "gate.json").read_text())
        assert gate["verdict"] == "fail"
        assert (tiny.results / "report" / "metrics.csv").is_file()
    finally:
        contract.write_text(before)
        record([str(contract)])
        tiny.snakemake("--cores", "1", "all", "--configfile", "config/tiny.yaml")
