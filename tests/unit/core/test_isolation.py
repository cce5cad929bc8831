"""Tests of work that runs in a child process."""

import os
import random
import signal

import pytest

from snugnet.core.errors import InputError
from snugnet.core.isolation import run_in_child, run_program


def test_run_in_child_keeps_state_when_work_changes_it():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    values = []
    assert run_in_child(lambda: values.append(random.random())).status == 0
    assert values == []
    assert random.random() == expected


def test_run_in_child_returns_message_when_input_is_wrong():
    def work() -> None:
        raise InputError("layers: x; allowed: y, or ä")

    result = run_in_child(work)
    assert (result.status, result.message) == (1, "layers: x; allowed: y, or ä")


@pytest.mark.parametrize("is_silent", [False, True])
def test_run_in_child_prints_traceback_when_not_silent(capfd, is_silent):
    def work() -> None:
        raise ValueError("broken")

    parent_pid = os.getpid()
    result = run_in_child(work, is_silent=is_silent)
    assert os.getpid() == parent_pid
    assert (result.status, result.message, result.crash) == (1, "", None)
    assert ("ValueError: broken" in capfd.readouterr().err) == (not is_silent)


def test_run_in_child_names_signal_when_work_crashes():
    assert run_in_child(os.abort, is_silent=True).crash == "SIGABRT"
    assert run_in_child(lambda: os.kill(os.getpid(), 9)).status == -9


def test_run_in_child_prints_text_once_when_it_was_buffered(capfd):
    print("before", end="")
    run_in_child(lambda: print("inside"))
    assert capfd.readouterr().out.count("before") == 1


def test_run_in_child_drops_output_when_silent(capfd):
    run_in_child(lambda: print("nothing of it is seen", flush=True), is_silent=True)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.fixture
def program(tmp_path):
    """Write a Python program; return its path."""

    def write(text: str):
        path = tmp_path / "program.py"
        path.write_text(text)
        return path

    return write


def test_run_program_returns_output_when_program_succeeds(program):
    path = program("import os, sys; print(sys.argv[1:], os.environ['MINE'], 'HOME' in os.environ)")
    result = run_program(path, "a", path, environment={"MINE": "value"})
    assert (result.status, result.output) == (0, f"['a', '{path}'] value {'HOME' in os.environ}\n")


def test_run_program_uses_standard_library_when_names_clash(program, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    assert run_program(program("import json")).status == 0


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("raise ValueError('wrong')", 1, "ValueError: wrong"),
        ("import os; os.abort()", -signal.SIGABRT, "no error message"),
        ("import sys; sys.exit(4)", 4, "no error message"),
    ],
)
def test_run_program_returns_message_when_program_fails(program, text, status, message):
    result = run_program(program(text))
    assert (result.status, result.message) == (status, message)


def test_run_program_stops_program_when_time_is_over(program):
    result = run_program(program("import time; time.sleep(100)"), timeout=0.5)
    assert (result.status, result.message) == (None, "stopped after 0.5 s")
