"""Tests of runs with and without the fork server, and with killed processes."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.workflow.conftest import TINY, Project

MODEL = "results/tiny/metrics/digits_fc"
# A part of the study that has jobs of every kind that the server runs: enough to be killed in.
SOME = (f"{MODEL}/original/fiq_int8/litert.json", f"{MODEL}/sparse_qat/fiq_int8/litert.json")
PART = ("--cores", "all", *SOME, *TINY)
RUN = (*PART, "--config", "fork_server=True")


def processes(project: Project) -> dict[int, list[str]]:
    """Return the arguments of all running processes that belong to a project, by id."""
    mark = f"PYTHONPATH={project.folder}/src\0"
    result = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_text():
                result[int(entry.name)] = (entry / "cmdline").read_text().split("\0")
        except (OSError, UnicodeDecodeError):
            continue  # it ended just now, or is not ours to read
    return result


def children(process: int) -> list[int]:
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(number) for number in text.split()]


def server_at_work(project: Project, run: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Wait until the server trains a model; return its process and the child's."""
    while run.poll() is None:
        for server, arguments in processes(project).items():
            if arguments[2:4] == ["-m", "snugnet.jobs.fork_server"]:
                for guard in children(server):
                    for child in children(guard):
                        if "/logs/train/" in log_of(child):
                            return server, child
        time.sleep(0.05)
    raise AssertionError("the run ended before its server had a child that trains")


def log_of(process: int) -> str:
    try:
        return str(Path(f"/proc/{process}/fd/1").readlink())
    except OSError:
        return ""


def wait_until_all_processes_end(project: Project) -> None:
    deadline = time.monotonic() + 3  # shorter than a job that is not stopped
    while remaining := processes(project):
        assert time.monotonic() < deadline, remaining
        time.sleep(0.05)


def assert_same_results(project: Project, tiny: Project) -> None:
    project_digests, tiny_digests = project.manifest(), tiny.manifest()
    assert {path.removeprefix("results/tiny/") for path in SOME} <= set(project_digests)
    assert {path: tiny_digests[path] for path in project_digests} == project_digests


@pytest.mark.slow
@pytest.mark.repro
def test_results_are_equal_when_fork_server_is_off(tiny, project):
    output = project.snakemake(*PART, "--config", "fork_server=False")
    assert re.search(r"\[(\d+)/\1\] ", output)  # the last of all jobs
    assert_same_results(project, tiny)


@pytest.mark.slow
@pytest.mark.faults
def test_run_finishes_when_fork_server_is_killed(tiny, project):
    run = project.start(*RUN)
    server, _ = server_at_work(project, run)
    os.kill(server, signal.SIGKILL)
    assert run.wait(timeout=600) == 0, project.output[-6000:]
    assert_same_results(project, tiny)
    wait_until_all_processes_end(project)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.skipif(signal.getsignal(signal.SIGINT) == signal.SIG_IGN, reason="ignores Ctrl-C")
def test_same_command_continues_when_run_was_interrupted(tiny, project):
    run = project.start(*RUN)
    server_at_work(project, run)
    group = os.getpgid(run.pid)
    for process in processes(project):
        if os.getpgid(process) == group:  # a terminal sends the signal to all of them
            os.kill(process, signal.SIGINT)
    assert run.wait(timeout=600) == 1
    lines = project.output.splitlines()
    assert lines[-1] == "Stopped. Finished jobs are kept; run the same command to continue."
    for text in ("Traceback", "RuleException", "Error in job"):
        assert text not in project.output
    wait_until_all_processes_end(project)
    assert "prepare_dataset digits" not in project.snakemake(*RUN)
    assert_same_results(project, tiny)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("victim", ["child", "snakemake"])
def test_next_run_finishes_when_run_was_killed(tiny, project, victim):
    run = project.start(*RUN)
    _, child = server_at_work(project, run)
    os.kill(child if victim == "child" else run.pid, signal.SIGKILL)
    assert run.wait(timeout=600) != 0
    wait_until_all_processes_end(project)
    if victim == "snakemake":  # it had no time to unlock
        project.snakemake("--unlock", "--cores", "1", *TINY)
    project.snakemake(*RUN)
    assert_same_results(project, tiny)
