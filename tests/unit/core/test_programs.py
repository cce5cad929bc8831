"""Tests of work in programs of their own."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from snugnet.core.budget import Budget
from snugnet.core.errors import InputError
from snugnet.core.programs import run_program, try_in_program
from snugnet.core.sandbox import Rights

BUDGET = Budget(seconds=1, bytes_held=200 << 20)


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


def test_run_program_returns_a_part_when_output_is_huge(program):
    text = "import sys; print('x' * (5 << 20)); sys.stderr.write('y' * (5 << 20) + chr(10) + 'end')"
    result = run_program(program(text))
    assert (len(result.output), result.message) == (1 << 20, "end")


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


@pytest.mark.parametrize(
    ("work", "message"),
    [
        ("bytes(400 << 20)", r"reading m needs more than 200\.0 MiB of memory"),
        ("time.sleep(30)", r"reading m takes more than 1 s"),
        ("os.abort()", r"reading m crashes with SIGABRT"),
        ("raise_(InputError('m.h5: no'))", r"^m\.h5: no"),
        (
            "raise_(ImportError('libx.so: cannot open'))",
            r"^reading m fails \(ImportError: libx.so: ",
        ),
    ],
)
def test_try_in_program_raises_input_error_when_program_fails(tmp_path, work, message):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, time\n"
        "from snugnet.core.errors import InputError\n"
        "from snugnet.core.programs import run_trial\n"
        "def raise_(error):\n    raise error\n"
        f"run_trial(lambda: {work})\n"
    )
    with pytest.raises(InputError, match=message):
        try_in_program(program, budget=BUDGET, what="reading m", kept=Rights())


def test_program_has_one_temporary_folder_when_it_is_full(program, monkeypatch, tmp_path):
    """Python would take the folder of the user's work, which the program could then write to."""
    monkeypatch.chdir(tmp_path)
    # As if no file could be written there.
    environment = {"TMPDIR": "/nowhere", "TEMP": "/nowhere", "TMP": "/nowhere"}
    text = "import tempfile; print(tempfile.gettempdir())"
    result = run_program(program(text), kept=Rights(), environment=environment)
    folder = Path(result.output.strip())
    assert (folder.name.startswith("snugnet"), folder.exists()) == (True, False)


@pytest.mark.parametrize("forks", [False, True])
def test_program_has_children_when_it_keeps_this_right(program, forks, has_seccomp):
    if not has_seccomp:
        pytest.skip("libseccomp is not installed")
    text = "import os; child = os.fork() or os._exit(0); os.waitpid(child, 0)"
    result = run_program(program(text), kept=Rights(forks=forks))
    assert result.status == (0 if forks else 1)
