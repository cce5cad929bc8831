"""Tests of the text at the end of a run."""

from pathlib import Path

import pytest

from snugnet.core.errors import InputError
from snugnet.evaluation.headline import Headline
from snugnet.evaluation.recommend import describe_rule, recommend
from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.table import build_results_table
from snugnet.report import tables
from snugnet.report.files import read_table, to_records
from snugnet.report.run_summary import (
    MAX_ENTRIES,
    FailedJob,
    Recommendation,
    StudySummary,
    describe_failed_jobs,
    describe_study,
    summarize,
)
from tests.report_study import FakeStudy

MODEL = Recommendation(
    "beats", "tflite/a/b/c/model.tflite", Headline(0.95, 0.9, 0.975, False), 20480, 1024
)
REPORT = "results/report/index.html"


@pytest.fixture
def study(tmp_path) -> FakeStudy:
    fake = FakeStudy(tmp_path)
    fake.model("m", "synthetic_x", ["original", "pruned"])
    fake.model("k", "synthetic_y", ["original"], ["float32", "fiq_int8"])
    fake.write("report/metrics.csv", build_results_table(fake.rows))
    fake.write("report/gate.json", {**fake.gate, "cells": len(fake.rows)})
    return fake


def test_summary_recommends_models_of_page_when_datasets_are_two(study):
    summary = summarize(study.folder, 0.95)
    page = tables.tabulate_recommendations(study.collect())
    names = [(row[0].text, row[1].cell) for row in page.rows]
    assert len(names) == 2
    assert [(model.dataset, path_of(model.file)) for model in summary.recommendations] == [
        (dataset, cell.removesuffix("/litert")) for dataset, cell in names
    ]
    assert summary.cells == len(study.rows)
    assert summary.report == f"{study.folder}/report/index.html"


def path_of(file: str) -> str:
    return "/".join(Path(file).parts[-4:-1])


def test_summary_figures_equal_table_when_model_is_recommended(study):
    table = to_records(read_table(study.folder / "report/metrics.csv"))
    rows = [ResultRow.from_columns(record) for record in table]
    for model, choice in zip(
        summarize(study.folder, 0.95).recommendations, recommend(rows), strict=True
    ):
        row = choice.recommended
        assert model.headline.value == row.accuracy
        assert (model.headline.low, model.headline.high) == (row.accuracy_low, row.accuracy_high)
        assert model.size_bytes == row.size_bytes


def test_summary_recommends_least_flash_when_c_code_was_measured(study):
    study.firmware("cortex-m4")
    cells = [row for row in study.rows if row["scheme"].startswith("fiq")]
    for row in cells:
        row |= {"accuracy": 0.9, "accuracy_high": 0.95, "delta_float": 0.0, "p_float": 1.0}
    least = {
        name: min((r for r in cells if r["dataset"] == name), key=lambda r: r["size_bytes"])
        for name in ("synthetic_x", "synthetic_y")
    }
    for row in least.values():
        row["flash_bytes_cortex_m4"] = 90_000  # not the smallest any more
    study.write("report/metrics.csv", build_results_table(study.rows))
    summary = summarize(study.folder, 0.95)
    assert summary.target == "cortex-m4"
    for entry in summary.recommendations:
        flash = [r["flash_bytes_cortex_m4"] for r in cells if r["dataset"] == entry.dataset]
        assert entry.device_cost is not None
        assert entry.device_cost.flash_bytes == min(flash)
    text = describe_study(summary)
    assert "whose C code has the least flash on cortex-m4" in text
    assert "RAM 4,000 bytes, 2,500,000 instructions" in text


def test_summary_recommends_program_when_runtime_is_akida(study):
    akida = {"scheme": "akida_v2_w8a8", "runtime": "akida", "akida_program_bytes": 4096}
    rows = [row | akida | {"size_bytes": None} for row in study.rows[:1]]
    study.write("report/metrics.csv", build_results_table(rows))
    model = summarize(study.folder, 0.95).recommendations[0]
    assert model.file == f"{study.folder}/akida/m/original/akida_v2_w8a8/program"
    assert model.size_bytes == 4096


@pytest.mark.parametrize("name", ["gate.json", "metrics.csv"])
def test_summary_names_the_file_when_it_is_missing(study, name):
    (study.folder / "report" / name).unlink()
    with pytest.raises(InputError, match=rf"report/{name}: no such file"):
        summarize(study.folder, 0.95)


def test_describe_study_lists_models_when_all_checks_pass():
    assert describe_study(StudySummary(24, [], [], [MODEL], 0.95, REPORT)).splitlines() == [
        "All checks passed (24 cells)",
        f"Recommended models: {describe_rule()}",
        "  beats: tflite/a/b/c/model.tflite",
        "    accuracy 95.00 % (95 % CI 90.00 to 97.50), file 20,480 bytes, arena 1,024 bytes",
        f"Report: {REPORT}",
    ]


def test_describe_study_omits_values_when_they_are_unknown():
    model = Recommendation("beats", "program", Headline(0.95, None, None, False), None, None)
    text = describe_study(StudySummary(1, [], [], [model], 0.9, REPORT))
    assert text.startswith("All checks passed (1 cell)\n")
    assert "  beats: program\n    accuracy 95.00 %\nReport: " in text


def test_describe_study_names_error_when_task_has_no_classes():
    model = Recommendation("age", "m.tflite", Headline(1.28894, 1.146, 1.4319, True), None, None)
    text = describe_study(StudySummary(1, [], [], [model], 0.95, REPORT))
    assert "    mean absolute error 1.289 (95 % CI 1.146 to 1.432)\n" in text


def test_warnings_follow_verdict_when_there_are_some():
    lines = describe_study(StudySummary(2, [], ["few groups"], [MODEL], 0.95, REPORT)).splitlines()
    assert lines[:2] == ["All checks passed (2 cells)", "Warning: few groups"]


def test_describe_study_lists_only_failures_when_a_check_fails():
    summary = StudySummary(24, ["m/original/drq/litert: input is int8"], [], [MODEL], 0.95, REPORT)
    assert describe_study(summary).splitlines() == [
        "1 check failed:",
        "  m/original/drq/litert: input is int8",
        f"Report: {REPORT}",
    ]


def test_describe_study_shortens_list_when_failures_are_many():
    failures = [f"cell {i}" for i in range(MAX_ENTRIES + 5)]
    lines = describe_study(StudySummary(24, failures, [], [], 0.95, REPORT)).splitlines()
    assert lines[0] == f"{MAX_ENTRIES + 5} checks failed:"
    assert lines[-2:] == ["  … and 5 more", f"Report: {REPORT}"]
    assert len(lines) == MAX_ENTRIES + 3


def test_describe_failed_jobs_lists_log_when_job_has_one():
    jobs = [FailedJob("train m/original", ["logs/train/m/original.log"]), FailedJob("fetch x", [])]
    assert describe_failed_jobs(jobs).splitlines() == [
        "2 jobs failed:",
        "  train m/original",
        "    log: logs/train/m/original.log",
        "  fetch x",
    ]
