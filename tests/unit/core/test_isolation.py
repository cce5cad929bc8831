"""Tests of work that runs in a child process."""

import os
import random

import pytest

from snugnet.core.errors import InputError
from snugnet.core.isolation import run_in_child


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
