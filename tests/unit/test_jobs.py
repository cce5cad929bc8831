"""Logs hold everything, outputs are whole or absent."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from snugnet.jobs import logged, read_json, replacing, write_json
from snugnet.progress import progress


def run_job(body: str, log: Path) -> subprocess.CompletedProcess:
    program = f"""
import os, sys
from types import SimpleNamespace
from snugnet.errors import InputError
from snugnet.jobs import run
def main(job):
    {body}
paths = dict(input=[], output=[], log=[{str(log)!r}])
run(main, SimpleNamespace(**paths, params=SimpleNamespace(code={{}})))
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_the_log_holds_python_and_native_output(tmp_path):
    log = tmp_path / "deep" / "job.log"
    body = "print('from python'); os.write(2, b'from native code\\n'); os.system('echo child')"
    done = run_job(body, log)
    assert done.returncode == 0
    *lines, last = log.read_text().splitlines()
    assert set(lines) == {"from python", "from native code", "child"}
    assert re.fullmatch(r"took \d+\.\d\d s, peak memory \d+ MiB", last)
    assert done.stdout == ""


def test_wrong_input_ends_in_one_message_and_no_traceback(tmp_path):
    done = run_job("raise InputError('x is wrong; y is allowed')", tmp_path / "job.log")
    assert done.returncode == 1
    assert (tmp_path / "job.log").read_text() == "error: x is wrong; y is allowed\n"


def test_a_defect_leaves_its_traceback_in_the_log(tmp_path):
    done = run_job("1 / 0", tmp_path / "job.log")
    assert done.returncode == 1
    assert "ZeroDivisionError" in (tmp_path / "job.log").read_text()


def test_output_is_restored_afterwards(tmp_path, capfd):
    with logged(tmp_path / "job.log"):
        os.write(1, b"inside\n")
    os.write(1, b"outside\n")
    assert capfd.readouterr().out == "outside\n"


def test_a_file_is_replaced_only_when_whole(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as partial:
        partial.write_text("half")
        assert partial.suffix == ".json"
        raise RuntimeError
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]
    with replacing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]


def test_json_is_sorted_and_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": None})
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["a", "b"]
    assert read_json(tmp_path / "a.json") == {"a": None, "b": 1}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"a": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_progress_is_readable_lines_with_the_time_left(capsys):
    with progress(3, "work", seconds=0) as meter:
        for _ in range(3):
            meter.update(1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("work: 0/3")
    assert lines[-1].startswith("work: 3/3")
    assert all(line.endswith("left") for line in lines)
