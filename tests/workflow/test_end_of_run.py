"""Tests of the text that a run prints."""

import re
from pathlib import Path

import pytest

from snugnet.evaluation.recommend import recommend
from snugnet.evaluation.result_row import ResultRow
from snugnet.report.files import read_table, to_records
from tests.workflow.conftest import TINY, Project

RUN = ("--cores", "1", "all", *TINY)
DIGITS = "results/tiny/models/digits_fc/original/model.h5"
JOB_LINE = re.compile(r"^\d\d:\d\d:\d\d \[ *(\d+)/(\d+)\] (\w+)(?: (\S+))? \(\d+\.\d s\)$", re.M)


def block(output: str) -> list[str]:
    """Return the lines from the verdict to the report."""
    lines = output.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("All checks passed"))
    last = next(i for i, line in enumerate(lines) if line.startswith("Report: "))
    return lines[first : last + 1]


def log_file(output: str) -> Path:
    path = re.search(r"^Complete log\(s\): (.*)$", output, re.MULTILINE)
    assert path, output[-2000:]
    return Path(path[1])


def test_run_prints_recommended_models_when_study_is_finished(tiny):
    lines = block(tiny.first_output)
    table = to_records(read_table(tiny.results / "report/metrics.csv"))
    choices = recommend([ResultRow.from_columns(record) for record in table])
    assert len(choices) == 4
    assert lines[0] == "All checks passed (24 cells)"
    for choice, file, figures in zip(choices, lines[2:-1:2], lines[3:-1:2], strict=True):
        row = choice.recommended
        path = f"results/tiny/tflite/{row.model}/{row.variant}/{row.scheme}/model.tflite"
        assert file == f"  {choice.dataset}: {path}"
        assert (tiny.folder / path).stat().st_size == row.size_bytes
        assert f"accuracy {100 * row.accuracy:.2f} % (95 % CI " in figures
        assert f"file {int(row.size_bytes):,} bytes" in figures
    assert (tiny.folder / lines[-1].removeprefix("Report: ")).is_file()
    assert len(tiny.first_output.partition("\nReport: ")[2].splitlines()) <= 3


def test_run_prints_one_line_when_a_job_finishes(tiny):
    lines = JOB_LINE.findall(tiny.first_output)
    total = int(lines[0][1])
    assert [int(number) for number, *_ in lines] == list(range(1, total + 1))
    assert {(rule, cell) for _, _, rule, cell in lines} >= {
        ("prepare_dataset", "digits"),
        ("train", "digits_fc/original"),
        ("score_litert", "digits_fc/original/fiq_int8/litert"),
        ("all", ""),
    }
    assert len(tiny.first_output.splitlines()) <= total + 40
    assert "reason:" not in tiny.first_output


def test_log_file_has_reason_when_job_has_run(tiny):
    jobs = JOB_LINE.findall(tiny.first_output)
    text = log_file(tiny.first_output).read_text()
    assert len(re.findall(r"^    reason: .+", text, re.MULTILINE)) == len(jobs)
    assert "wildcards: model=digits_fc, variant=original, scheme=fiq_int8" in text
    assert "All checks passed (24 cells)" in text


def test_run_prints_summary_when_nothing_is_to_be_done(tiny):
    output = tiny.snakemake(*RUN)
    assert "Nothing to be done" in output
    assert block(output) == block(tiny.first_output)


def test_dry_run_prints_reason_not_summary_when_job_is_forced(tiny):
    output = tiny.snakemake("-n", "all", "--forcerun", "tabulate", *TINY)
    assert "rule tabulate:" in output
    assert "    reason: " in output
    assert "All checks passed" not in output
    assert "All checks passed" not in tiny.snakemake("-n", *RUN)


def test_run_prints_no_summary_when_target_is_a_single_file(tiny):
    cell = "results/tiny/tflite/digits_fc/original/fiq_int8/model.tflite"
    output = tiny.snakemake("--cores", "1", cell, *TINY)
    assert "Nothing to be done" in output
    assert "All checks passed" not in output


def test_run_reports_failed_job_when_gate_cannot_read_a_file(tiny):
    """The checks passed when the study was made, but a file has changed since."""
    table = tiny.results / "report" / "metrics.md"
    content = table.read_bytes()
    table.write_bytes(content + b"\n")
    try:
        output = tiny.snakemake(*RUN, "--forcerun", "gate", ok=False)
    finally:
        table.write_bytes(content)
    assert "\n1 job failed:\n  gate\n    log: results/tiny/logs/gate.log\n" in output
    assert "All checks passed" not in output
    assert block(tiny.snakemake(*RUN)) == block(tiny.first_output)


@pytest.fixture
def broken(project) -> Project:
    """A project whose digits cannot be loaded."""
    module = project.folder / "src/snugnet/datasets/digits.py"
    text = module.read_text()
    assert "def load(" in text
    module.write_text(f"{text}\n\ndef load(*_):\n    raise ValueError('no digits')\n")
    return project


def test_run_prints_failed_jobs_and_logs_when_a_job_fails(broken):
    output = broken.snakemake(
        "--cores", "1", DIGITS, *TINY, "--config", "fork_server=False", ok=False
    )
    log = "results/tiny/logs/prepare_dataset/digits.log"
    error = output[output.index("Error in job prepare_dataset digits\n") :]
    assert f"  log: {log}\n    Traceback" in error
    assert "    ValueError: no digits\n" in error
    ending = error[error.index("\n1 job failed:\n") :]
    assert f"\n1 job failed:\n  prepare_dataset digits\n    log: {log}\n" in ending
    assert len(ending.splitlines()) < 10
    assert "Recommended" not in output
    assert (broken.folder / log).is_file()
