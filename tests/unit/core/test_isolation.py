"""Tests of work that runs in a child process."""

import os
import random
import resource
import signal
import tempfile
import time
from functools import partial

import pytest

from snugnet.core.budget import Budget
from snugnet.core.errors import InputError
from snugnet.core.isolation import run_in_child, run_program, try_in_child, try_in_program


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


@pytest.mark.parametrize("ending", ["", "time.sleep(100)", "os.abort()"])
def test_run_program_removes_temporary_files_when_program_ends(
    program, ending, tmp_path, monkeypatch
):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    text = "import os, tempfile, time; print(tempfile.mkstemp()[1], flush=True); "
    result = run_program(program(text + ending), timeout=1.5)
    assert result.status in (0, None, -signal.SIGABRT)
    assert list(folder.iterdir()) == []


BUDGET = Budget(seconds=1, bytes_held=200 << 20)


def fill_memory() -> None:
    bytes(400 << 20)


def fail() -> None:
    raise InputError("m.h5: layers: \udcff")


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (fill_memory, r"reading m needs more than 200\.0 MiB of memory\. If you trust .* 10"),
        (partial(time.sleep, 30), r"reading m takes more than 1 s\. If you trust"),
        (os.abort, r"reading m crashes with SIGABRT: the file is damaged, or"),
        (fail, r"m\.h5: layers: \\udcff"),
        (partial(int, "x"), r"reading m fails; the file is damaged"),
    ],
)
def test_try_in_child_raises_input_error_when_work_fails(work, message):
    with pytest.raises(InputError, match=message):
        try_in_child(work, BUDGET, "reading m")


def test_try_in_child_returns_when_work_fits_the_budget():
    limit = resource.getrlimit(resource.RLIMIT_DATA)
    try_in_child(partial(bytes, 100 << 20), BUDGET, "reading m")
    assert resource.getrlimit(resource.RLIMIT_DATA) == limit


@pytest.mark.parametrize(
    ("work", "message"),
    [
        ("bytes(400 << 20)", r"reading m needs more than 200\.0 MiB of memory"),
        ("time.sleep(30)", r"reading m takes more than 1 s"),
        ("os.abort()", r"reading m crashes with SIGABRT"),
        ("raise_(InputError('m.h5: no'))", r"m\.h5: no"),
    ],
)
def test_try_in_program_raises_input_error_when_program_fails(tmp_path, work, message):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, time\n"
        "from snugnet.core.errors import InputError\n"
        "from snugnet.core.isolation import run_trial\n"
        "def raise_(error):\n    raise error\n"
        f"run_trial(lambda: {work})\n"
    )
    with pytest.raises(InputError, match=message):
        try_in_program(program, budget=BUDGET, what="reading m")


def test_scale_keeps_seconds_possible_when_factor_is_huge():
    budget = Budget().scale(1e12)
    try_in_child(lambda: None, budget, "reading m")
