"""Tests of the log of a job."""

import os
import re
import subprocess
import sys
from pathlib import Path

from snugnet.jobs.run import log_output


def run_job(body: str, log: Path) -> subprocess.CompletedProcess:
    program = f"""
import os, sys
from types import SimpleNamespace
from snugnet.core.errors import InputError
from snugnet.jobs.run import run
def main(job):
    {body}
paths = dict(input=[], output=[], log=[{str(log)!r}])
run(main, SimpleNamespace(**paths, params=SimpleNamespace(code={{}})))
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_log_has_all_output_when_native_code_also_prints(tmp_path):
    log = tmp_path / "deep" / "job.log"
    body = "print('from python'); os.write(2, b'from native code\\n'); os.system('echo child')"
    done = run_job(body, log)
    assert done.returncode == 0
    *lines, last = log.read_text().splitlines()
    assert set(lines) == {"from python", "from native code", "child"}
    assert re.fullmatch(r"took \d+\.\d\d s, peak memory \d+ MiB", last)
    assert done.stdout == ""


def test_log_has_one_message_when_input_is_wrong(tmp_path):
    done = run_job("raise InputError('x is wrong; y is allowed')", tmp_path / "job.log")
    assert done.returncode == 1
    assert (tmp_path / "job.log").read_text() == "error: x is wrong; y is allowed\n"


def test_job_leaves_no_temporary_files_when_it_ends(tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setenv("TMPDIR", str(shared))
    body = "import tempfile; tempfile.mkstemp(); tempfile.mkdtemp(); print(tempfile.gettempdir())"
    for end in ("", "; 1 / 0"):
        run_job(body + end, tmp_path / "job.log")
        assert str(shared) in (tmp_path / "job.log").read_text()
        assert list(shared.iterdir()) == []


def test_log_has_traceback_when_job_has_a_bug(tmp_path):
    done = run_job("1 / 0", tmp_path / "job.log")
    assert done.returncode == 1
    assert "ZeroDivisionError" in (tmp_path / "job.log").read_text()


def test_log_output_restores_stdout_when_it_ends(tmp_path, capfd):
    with log_output(tmp_path / "job.log"):
        os.write(1, b"inside\n")
    os.write(1, b"outside\n")
    assert capfd.readouterr().out == "outside\n"
