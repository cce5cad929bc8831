"""Tests of a study with gates."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.workflow.conftest import TINY, Project

RUN = ("--cores", "1", "all", *TINY)
JUDGED = {"evaluate_gate": 1, "write_report": 1, "gate": 1}
KEPT = """
gates:
  - {min_accuracy: 5, max_size: 10 MiB}
  - {models: [digits_fc], max_drop: 50}
  - {schemes: [fiq_int8, fiq_uint8], max_arena: 1 MiB, exact: true, max_latency_us: 10000000}
"""
MISSED = """
gates:
  - {models: [digits_fc], variants: [original], schemes: [drq, fiq_int8], max_size: 1 KiB}
  - {models: [digits_fc], variants: [sparse], max_drop: 0, max_arena: 1 MiB}
"""


@contextmanager
def gated(tiny: Project, gates: str) -> Iterator[None]:
    """Demand something of the tiny study for a while, and judge it without in the end."""
    try:
        with tiny.edited("config/tiny.yaml", "\ncalibration:\n", f"{gates}\ncalibration:\n"):
            yield
    finally:
        tiny.snakemake(*RUN)


def judgement(tiny: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tiny.results / "report" / "gate.json").read_text())
    return found


def test_run_repeats_only_gate_jobs_when_gates_are_added(tiny):
    with gated(tiny, KEPT):
        assert tiny.plan() == JUDGED
        assert tiny.start(*RUN).wait() == 0
        assert "Nothing to be done" in tiny.snakemake(*RUN)
        gate = judgement(tiny)
    assert gate["verdict"] == "pass"
    counts = {demand["gate"]: (demand["cells"], demand["failed"]) for demand in gate["demands"]}
    assert counts == {
        "gates[0].min_accuracy": (24, 0),
        "gates[0].max_size": (24, 0),
        "gates[1].max_drop": (6, 0),  # the other three are float32
        "gates[2].max_arena": (11, 0),
        "gates[2].max_latency_us": (11, 0),
        "gates[2].exact": (11, 0),
    }
    assert judgement(tiny)["demands"] == []


@pytest.fixture(scope="module")
def missed(tiny) -> Iterator[str]:
    """The tiny study with gates that it misses; what Snakemake printed."""
    with gated(tiny, MISSED):
        assert tiny.start(*RUN).wait() == 1
        yield tiny.output


def size(tiny: Project, cell: str) -> str:
    count = (tiny.results / "tflite" / cell / "model.tflite").stat().st_size
    return f"{count / 1024:.1f} KiB ({count:,} bytes)"


def test_run_prints_cell_and_value_when_gate_fails(tiny, missed):
    ending = missed[missed.index("checks failed (3 failures; details in results/tiny/report)") :]
    for scheme in ("drq", "fiq_int8"):
        cell = f"digits_fc/original/{scheme}"
        assert (
            f"{cell}/litert: file size is {size(tiny, cell)}; gates[0].max_size requires file "
            "size at most 1.0 KiB (1,024 bytes)\n"
        ) in ending
    assert "digits_fc/sparse/fiq_int8/litert: accuracy differs from float32 by " in ending
    assert "gates[1].max_drop requires at most 0 points below float32 over the whole" in ending
    assert "max_arena requires" not in ending
    assert len(ending.splitlines()) < 18


def test_run_lists_failed_checks_last_when_gate_fails(tiny, missed):
    ending = missed[missed.index("\n3 checks failed:\n") :].splitlines()[1:]
    assert ending[1:4] == [f"  {failure}" for failure in judgement(tiny)["failures"]]
    assert ending[4] == "Report: results/tiny/report/index.html"
    assert ending[5].startswith("Complete log(s): ")
    assert "Recommended models" not in missed
    assert "job failed" not in missed


def test_reports_are_written_when_gate_fails(tiny, missed):
    gate = judgement(tiny)
    assert gate["verdict"] == "fail"
    assert len(gate["failures"]) == 3
    assert all(failure in missed for failure in gate["failures"])
    assert [demand["failed"] for demand in gate["demands"]] == [2, 1, 0]
    for name in ("metrics.csv", "metrics.md", "index.html"):
        assert (tiny.results / "report" / name).is_file()
    assert any((tiny.results / "report" / "figures").iterdir())
    assert not (tiny.results / "report" / "gate.passed").exists()


def test_run_repeats_only_gate_job_when_gate_still_fails(tiny, missed):
    assert tiny.plan() == {"gate": 1}
    assert tiny.start(*RUN).wait() == 1
    assert "checks failed (" in tiny.output


def test_run_fails_before_jobs_when_gate_is_invalid(project):
    with project.edited("config/tiny.yaml", "\ncalibration:\n", f"{MISSED}\ncalibration:\n"):
        with project.edited("config/tiny.yaml", "max_size: 1 KiB", "max_size: 1 kB"):
            assert project.start(*RUN).wait() == 1
        assert "gates[0].max_size: '1 kB' is not a size; allowed: bytes, such as" in project.output
        with project.edited("config/tiny.yaml", "[digits_fc], variants: [sp", "[x], variants: [sp"):
            assert project.start(*RUN).wait() == 1
        assert "gates[1].models: not in the study: unknown model 'x'" in project.output
    assert not project.results.exists() or not list(project.results.iterdir())
