"""Tests of the Makefile and of .ci/find-python."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import ROOT

FIND = ROOT / ".ci" / "find-python"
# A Python that starts and is suitable, one without ensurepip, one that is too new, and a shim.
SUITABLE = "exit 0"
TOO_NEW = 'case "$2" in *sys.exit*) exit 1;; *platform*) echo 3.13.1;; esac'
NO_VENV = 'case "$2" in *ensurepip*) exit 1;; *platform*) echo 3.11.2;; esac'
SHIM = "echo 'pyenv: python3.12: command not found' >&2; exit 127"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """Hide the settings of a `make` that runs these tests, such as PYTHON."""
    for name in ("PYTHON", "MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL"):
        monkeypatch.delenv(name, raising=False)


def find(folder: Path, *names: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["/bin/sh", FIND, *names], env={"PATH": str(folder)}, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def programs(tmp_path):
    """Write programs that behave like Pythons; nothing else is on the PATH."""

    def write(**scripts: str) -> Path:
        for name, script in scripts.items():
            path = tmp_path / name.replace("_", ".")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        ({"python3_11": SUITABLE, "python3_12": SUITABLE, "python3": SUITABLE}, "python3.11"),
        ({"python3_12": SUITABLE, "python3": SUITABLE}, "python3.12"),
        ({"python3_11": NO_VENV, "python3_12": SUITABLE}, "python3.12"),
        ({"python3_11": NO_VENV, "python3_12": SHIM, "python3": SUITABLE}, "python3"),
    ],
)
def test_find_python_prints_first_suitable_when_path_has_several(programs, scripts, expected):
    assert find(programs(**scripts)) == (0, f"{expected}\n", "")


def test_find_python_prints_reasons_when_no_python_is_suitable(programs):
    folder = programs(python3_11=NO_VENV, python3_12=SHIM, python3=TOO_NEW)
    code, output, message = find(folder)
    assert (code, output) == (1, "")
    assert "needs Python 3.11 or 3.12 with venv and ensurepip" in message
    assert "  python3.11: Python 3.11.2 without venv or ensurepip\n" in message
    assert "  python3.12: does not start\n" in message
    assert "  python3: Python 3.13.1\n" in message
    assert "apt-get install python3.11-venv" in message
    assert "  python3.11: not found\n" in find(folder / "nowhere")[2]


def test_find_python_ignores_others_when_python_is_named(programs):
    folder = programs(python3_11=SUITABLE, python3=TOO_NEW)
    code, output, message = find(folder, "python3")
    assert (code, output) == (1, "")
    assert "python3.11:" not in message


def test_make_stops_when_no_python_is_suitable(programs, tmp_path):
    """The message comes from the Makefile's own call, before anything is made."""
    folder = programs(python3=TOO_NEW)
    (folder / "sh").symlink_to("/bin/sh")
    (folder / "with spaces").mkdir()
    python = (folder / "python3").rename(folder / "with spaces" / "python3")
    stamp = tmp_path / "venv"
    done = subprocess.run(
        ["/usr/bin/make", "--silent", "demo", f"VENV={stamp}", f"PYTHON={python}"],
        cwd=ROOT,
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert f"  {python}: Python 3.13.1\n" in done.stderr
    assert not stamp.exists()


def test_make_help_lists_target_when_makefile_declares_it_phony():
    output = subprocess.check_output(["make", "--silent", "help"], cwd=ROOT, text=True)
    targets = set(re.findall(r"^make ([a-z-]+) +\S", output, re.MULTILINE))
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (phony,) = re.findall(r"^\.PHONY: (.*)", text, re.MULTILINE)
    assert targets == set(phony.split())


def plan(target: str, *options: str) -> str:
    """Return the commands that make would run."""
    return subprocess.check_output(
        ["make", "--dry-run", target, *options], cwd=ROOT, text=True, stderr=subprocess.STDOUT
    )


@pytest.fixture
def installed(tmp_path) -> str:
    """Set VENV to an environment in which all locked packages are installed."""
    for name in (".ready", ".ready-dev"):
        (tmp_path / name).touch()
    return f"VENV={tmp_path}"


def test_make_keeps_packages_when_only_dev_lock_is_newer(installed):
    assert "--require-hashes" not in plan("test", installed)
    newer = ("--what-if", "requirements-dev.txt", installed)
    assert "--require-hashes" not in plan("run", *newer)
    commands = plan("test", *newer)
    assert "-r requirements-dev.txt" in commands
    assert "-r requirements.txt" not in commands


@pytest.mark.parametrize(("version", "is_new"), [("3.11.2", False), ("3.12.1", True)])
def test_make_installs_again_only_when_python_is_another_one(installed, programs, version, is_new):
    folder = programs(python="echo 3.11.2", other=f"echo {version}")
    (folder / "bin").mkdir()
    (folder / "python").rename(folder / "bin/python")
    commands = plan("run", installed, f"PYTHON={folder / 'other'}")
    assert ("--require-hashes" in commands) == is_new


# What the first lines of `pip` look like in an environment: usual, and with a path of spaces or of
# more than 127 characters.
SHEBANGS = ("#!{}/bin/python", '#!/bin/sh\n\'\'\'exec\' "{}/bin/python" "$0" "$@"')


@pytest.mark.parametrize("shebang", SHEBANGS)
@pytest.mark.parametrize("place", ["", "/original"])
def test_make_makes_new_environment_when_clone_moved(installed, tmp_path, shebang, place):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pip").write_text(shebang.format(f"{place}{tmp_path}"))
    commands = plan("run", installed)
    assert ("--require-hashes" in commands) == (place != "")
    assert ("was created in another folder" in commands) == (place != "")


# A Python that makes an environment which contains only itself and pip.
FAKE_PYTHON = """\
case "$1 $2 $3" in
    "-m venv --clear")
        mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; echo "#!$4/bin/python" > "$4/bin/pip";;
    "-c "*) echo same;;
esac"""


@pytest.mark.parametrize("is_link", [False, True])
def test_make_keeps_original_environment_when_clone_moved(programs, tmp_path, is_link):
    folder = programs(python3_11=FAKE_PYTHON)
    python = folder / "python3.11"
    original, copy = tmp_path / "original", tmp_path / "copy"
    subprocess.run([python, "-m", "venv", "--clear", original], check=True)
    for name in (".ready", "package"):
        (original / name).touch()
    if is_link:
        copy.symlink_to(original)
    else:
        shutil.copytree(original, copy)
    command = ["make", "--silent", f"VENV={copy}", f"PYTHON={python}", f"{copy}/.ready"]
    outputs = [subprocess.check_output(command, cwd=ROOT, text=True) for _ in range(2)]
    message = f"{copy} was created in another folder. Making a new environment.\n"
    assert outputs == [message, ""]
    assert sorted(path.name for path in copy.iterdir()) == [".ready", "bin", "pip.txt"]
    assert (original / "package").exists()


@pytest.mark.parametrize("script", ["exit 1", "exit 0"])
def test_make_lock_stops_when_python_is_not_3_11(installed, programs, script):
    folder = programs(python=script)
    (folder / "bin").mkdir()
    (folder / "python").rename(folder / "bin/python")
    done = subprocess.run(
        ["make", "--silent", "lock", installed, "COMPILE=: pip-compile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == (2 if script == "exit 1" else 0), done.stderr
    assert ("make lock needs Python 3.11" in done.stderr) == (script == "exit 1")


def test_make_prints_file_name_when_lock_file_is_missing(tmp_path):
    for name in ("Makefile", "requirements.txt", "pyproject.toml", "setup.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(["make", "demo"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "No rule to make target 'requirements-dev.txt'" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("target", ["run", "demo"])
def test_make_installs_no_dev_lock_when_target_runs_a_study(target):
    commands = plan(target, "VENV=none")
    assert "-r requirements.txt" in commands
    assert "-r requirements-dev.txt" not in commands


@pytest.mark.parametrize("target", ["test", "check", "docs", "lock", "format"])
def test_make_installs_both_locks_when_target_is_for_developers(target):
    commands = plan(target, "VENV=none")
    assert commands.index("-r requirements.txt") < commands.index("-r requirements-dev.txt")
