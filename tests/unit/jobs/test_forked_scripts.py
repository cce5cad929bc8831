"""Tests of the scripts of jobs that run through the fork server."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import snakemake
import snakemake.script
from snakemake.benchmark import BenchmarkRecord
from snakemake.exceptions import WorkflowError

from snugnet.jobs import fork_client, forked_scripts, import_costs
from snugnet.jobs.forked_scripts import ForkedScript, find_packages


def make_script(**attributes: Any) -> ForkedScript:
    """Make a script with the attributes that Snakemake gives it, without a job."""
    script = ForkedScript.__new__(ForkedScript)
    defaults = {"params": SimpleNamespace(), "threads": 1, "resources": {}, "bench_record": None}
    vars(script).update({**defaults, **attributes})
    return script


@pytest.fixture
def server(monkeypatch) -> Callable[[int | None], list[tuple[Any, ...]]]:
    """Replace the client of the fork server by one that returns a status; it lists its calls."""
    calls: list[tuple[Any, ...]] = []

    def use(status: int | None) -> list[tuple[Any, ...]]:
        def run_script(*arguments: Any) -> int | None:
            calls.append(arguments)
            return status

        monkeypatch.setenv(fork_client.SERVERS, "name")
        monkeypatch.setattr(fork_client, "run_script", run_script)
        return calls

    return use


@pytest.fixture
def own_processes(monkeypatch) -> list[str]:
    """Record the files that Snakemake would run in new processes."""
    files: list[str] = []
    monkeypatch.setattr(
        forked_scripts.PythonScript,
        "execute_script",
        lambda self, fname, edit: files.append(fname),
    )
    return files


def test_script_runs_in_server_when_run_has_one(server, own_processes):
    calls = server(0)
    make_script(threads=3, resources={"tmpdir": "/scratch"}).execute_script("job.py")
    ((file, packages, environment, _),) = calls
    assert (file, packages, own_processes) == ("job.py", [], [])
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["TMPDIR"] == "/scratch"
    assert environment["PATH"] == os.environ["PATH"]


def test_script_runs_in_own_process_when_server_has_died(server, own_processes):
    server(None)
    make_script().execute_script("job.py")
    assert own_processes == ["job.py"]


def test_script_runs_in_own_process_when_run_has_no_server(monkeypatch, own_processes):
    monkeypatch.setenv(fork_client.SERVERS, "")
    make_script().execute_script("job.py")
    assert own_processes == ["job.py"]


@pytest.mark.parametrize("status", [1, -signal.SIGTERM, -signal.SIGKILL])
def test_script_fails_with_status_when_child_fails(server, status):
    server(status)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        make_script().execute_script("job.py")
    assert caught.value.returncode == status


@pytest.mark.parametrize(
    ("is_interrupted", "error"),
    [(True, KeyboardInterrupt), (False, subprocess.CalledProcessError)],
)
def test_script_is_interrupted_only_when_run_is(server, monkeypatch, is_interrupted, error):
    """A job that alone is interrupted fails: without a report, Snakemake would wait for it."""
    server(fork_client.INTERRUPTED)
    monkeypatch.setattr(forked_scripts, "_interrupt", threading.Event())
    monkeypatch.setattr(forked_scripts, "MAX_DELAY", 0.01)
    if is_interrupted:
        with pytest.raises(KeyboardInterrupt):
            forked_scripts._interrupt_run(signal.SIGINT, None)
    with pytest.raises(error):
        make_script().execute_script("job.py")


def test_script_writes_benchmark_when_rule_has_one(monkeypatch):
    record = BenchmarkRecord()

    def run_script(
        file: str,
        packages: list[str],
        environment: dict[str, str],
        watch: Callable[[int], AbstractContextManager[object]],
    ) -> int:
        process = subprocess.Popen(["true"])
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        with watch(process.pid):
            process.wait()
        return 0

    monkeypatch.setenv(fork_client.SERVERS, "name")
    monkeypatch.setattr(fork_client, "run_script", run_script)
    make_script(bench_record=record).execute_script("job.py")
    assert record.running_time >= 0


def test_find_packages_lists_package_when_job_reaches_its_module(monkeypatch):
    monkeypatch.setattr(
        forked_scripts, "IMPORTS", {"snugnet.a": ("scipy",), "snugnet.b": ("tqdm",)}
    )
    assert find_packages({"snugnet.b": "0", "job.py": "1"}) == ["tqdm"]
    assert import_costs.IMPORTS


@pytest.mark.parametrize("code", [None, 3, "text"])
def test_find_packages_lists_nothing_when_code_is_no_mapping(code):
    assert find_packages(code) == []


def test_install_fails_when_snakemake_has_no_such_class(monkeypatch):
    monkeypatch.delattr(snakemake.script, "PythonScript")
    with pytest.raises(WorkflowError, match=r"install the version in requirements\.txt"):
        forked_scripts.install()
