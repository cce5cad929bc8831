"""Tests of the option `--must-run`, with which targets of the Makefile run their tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

SKIPPED = """
import pytest

def test_a():
    pytest.skip("not installed: buildah, debootstrap (`make programs` installs them)")

def test_b():
    pytest.skip("not installed: buildah, debootstrap (`make programs` installs them)")
"""


def run(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_file.py").write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.must_run",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [*command, *options, "--rootdir", folder, "-c", "/dev/null", folder / "test_file.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_must_run_fails_when_all_tests_are_skipped(tmp_path):
    done = run(tmp_path, SKIPPED, "--must-run")
    assert done.returncode != 0
    assert "no test was run" in done.stdout
    assert done.stdout.count("not installed: buildah, debootstrap") == 1


def test_must_run_fails_when_no_test_has_the_mark(tmp_path):
    done = run(tmp_path, "def test_a(): pass", "--must-run", "-k", "other")
    assert done.returncode != 0
    assert "no test was run" in done.stdout


@pytest.mark.parametrize("options", [(), ("--must-run",)])
def test_must_run_passes_when_one_test_is_run(tmp_path, options):
    done = run(tmp_path, SKIPPED + "\ndef test_c():\n    pass\n", *options)
    assert done.returncode == 0, done.stdout


def test_makefile_uses_must_run_when_target_selects_a_mark():
    text = (ROOT / "Makefile").read_text()
    assert re.search(r"^ALONE := .*--must-run$", text, re.MULTILINE)
    selecting = [
        line for line in text.splitlines() if re.search(r"\t\$\(\w+\) -m (\$\*|install)", line)
    ]
    assert len(selecting) == 2
    assert all("$(ALONE)" in line for line in selecting)
