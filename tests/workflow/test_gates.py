"""Tests of a study with gates."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.workflow.conftest import TINY, Project

RUN = ("--cores", "1", "all", *TINY)
GATE_JOBS = {"evaluate_gate": 1, "write_report": 1, "gate": 1}
PASSING_GATES = """
gates:
  - {min_accuracy: 5, max_size: 10 MiB}
  - {models: [digits_fc], max_drop: 50}
  - {schemes: [fiq_int8, fiq_uint8], max_arena: 1 MiB, exact: true, max_latency_us: 10000000}
"""
FAILING_GATES = """
gates:
  - {models: [digits_fc], variants: [original], schemes: [drq, fiq_int8], max_size: 1 KiB}
  - {models: [digits_fc], variants: [sparse], max_drop: 0, max_arena: 1 MiB}
"""


@contextmanager
def with_gates(tiny: Project, gates: str) -> Iterator[None]:
    """Add gates to the tiny study, and evaluate it without them at the end."""
    try:
        with tiny.edited("config/tiny.yaml", "\ncalibration:\n", f"{gates}\ncalibration:\n"):
            yield
    finally:
        tiny.snakemake(*RUN)


def read_gate(tiny: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tiny.results / "report" / "gate.json").read_text())
    return found


def test_run_repeats_only_gate_jobs_when_gates_are_added(tiny):
    with with_gates(tiny, PASSING_GATES):
        assert tiny.plan() == GATE_JOBS
        assert tiny.start(*RUN).wait() == 0
        assert "Nothing to be done" in tiny.snakemake(*RUN)
        gate = read_gate(tiny)
    assert gate["verdict"] == "pass"
    counts = {
        requirement["gate"]: (requirement["cells"], requirement["failed"])
        for requirement in gate["requirements"]
    }
    assert counts == {
        "gates[0].min_accuracy": (24, 0),
        "gates[0].max_size": (24, 0),
        "gates[1].max_drop": (6, 0),  # the other three are float32
        "gates[2].max_arena": (11, 0),
        "gates[2].max_latency_us": (11, 0),
        "gates[2].exact": (11, 0),
    }
    assert read_gate(tiny)["requirements"] == []


@pytest.fixture(scope="module")
def failed_output(tiny) -> Iterator[str]:
    """Output of Snakemake for the tiny study with gates that fail."""
    with with_gates(tiny, FAILING_GATES):
        assert tiny.start(*RUN).wait() == 1
        yield tiny.output


def size(tiny: Project, cell: str) -> str:
    count = (tiny.results / "tflite" / cell / "model.tflite").stat().st_size
    return f"{count / 1024:.1f} KiB ({count:,} bytes)"


def test_run_prints_cell_and_value_when_gate_fails(tiny, failed_output):
    ending = failed_output[
        failed_output.index("checks failed (3 failures; details in results/tiny/report)") :
    ]
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


def test_run_lists_failed_checks_last_when_gate_fails(tiny, failed_output):
    ending = failed_output[failed_output.index("\n3 checks failed:\n") :].splitlines()[1:]
    assert ending[1:4] == [f"  {failure}" for failure in read_gate(tiny)["failures"]]
    assert ending[4] == "Report: results/tiny/report/index.html"
    assert ending[5].startswith("Complete log(s): ")
    assert "Recommended models" not in failed_output
    assert "job failed" not in failed_output


def test_reports_are_written_when_gate_fails(tiny, failed_output):
    gate = read_gate(tiny)
    assert gate["verdict"] == "fail"
    assert len(gate["failures"]) == 3
    assert all(failure in failed_output for failure in gate["failures"])
    assert [requirement["failed"] for requirement in gate["requirements"]] == [2, 1, 0]
    for name in ("metrics.csv", "metrics.md", "index.html"):
        assert (tiny.results / "report" / name).is_file()
    assert any((tiny.results / "report" / "figures").iterdir())
    assert not (tiny.results / "report" / "gate.passed").exists()


def test_run_repeats_only_gate_job_when_gate_still_fails(tiny, failed_output):
    assert tiny.plan() == {"gate": 1}
    assert tiny.start(*RUN).wait() == 1
    assert "checks failed (" in tiny.output


def test_run_fails_before_jobs_when_gate_is_invalid(project):
    with project.edited("config/tiny.yaml", "\ncalibration:\n", f"{FAILING_GATES}\ncalibration:\n"):
        with project.edited("config/tiny.yaml", "max_size: 1 KiB", "max_size: 1 kB"):
            assert project.start(*RUN).wait() == 1
        assert "gates[0].max_size: '1 kB' is not a size; allowed: bytes, such as" in project.output
        with project.edited("config/tiny.yaml", "[digits_fc], variants: [sp", "[x], variants: [sp"):
            assert project.start(*RUN).wait() == 1
        assert "gates[1].models: not in the study: unknown model 'x'" in project.output
    assert not project.results.exists() or not list(project.results.iterdir())
