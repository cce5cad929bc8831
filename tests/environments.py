"""Copies of the project, and Python environments with only the requested packages."""

import os
import shutil
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.paths import ROOT

# The files that a wheel is built from.
SOURCES = ("src", "workflow", "profiles", "config.yaml")
BUILD = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
VERSION = "import sys, venv, ensurepip; print(*sys.version_info[:3], sep='.')"


@dataclass(frozen=True)
class Interpreter:
    """An installed Python."""

    path: Path
    version: tuple[int, ...]
    problem: str = ""

    def __str__(self) -> str:
        return str(self.path)


def copy_source(folder: Path) -> Path:
    """Copy the files that a wheel is built from, without results of earlier builds."""
    source = folder / "source"
    source.mkdir(parents=True)
    ignored = shutil.ignore_patterns("*.egg-info", "__pycache__")
    for name in (*SOURCES, *BUILD):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    return source


def copy_tracked(folder: Path) -> Path:
    """Copy the files that Git tracks, which are those of a fresh clone."""
    output = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in filter(None, output.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def create_environment(folder: Path, extras: str = "") -> Path:
    """Install the package with extras in a new environment; return its folder of programs.

    Args:
        folder: Folder of the environment.
        extras: Extras in the syntax of pip, such as `[tflite]`.
    """
    source = copy_source(folder)
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    pip = [programs / "python", "-m", "pip", "--quiet"]
    download = subprocess.run([*pip, "download", "numpy", "--dest", folder / "wheels"])
    if download.returncode:
        # Without an index, pip can install neither NumPy nor the packages that build Snugnet. A
        # failure after this point is an error of Snugnet's packaging, so the test fails.
        pytest.skip("no package index can be reached: pip cannot download NumPy")
    subprocess.run([*pip, "install", f"{source}{extras}"], check=True)
    return programs


def interpreter_paths() -> list[Path]:
    """List the Pythons 3.11 to 3.13 of /usr/bin and pyenv, then those that PYTHONS names."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    paths = [*Path("/usr/bin").glob("python3.1[1-3]"), *pyenv.glob("3.1[1-3].*/bin/python")]
    named = [Path(name) for name in os.environ.get("PYTHONS", "").split()]
    return list(dict.fromkeys([*sorted(paths), *named]))


def interpreter(path: Path) -> Interpreter:
    """Run a Python and read its version; `problem` states why it cannot be used."""
    try:
        done = subprocess.run([path, "-I", "-c", VERSION], capture_output=True, text=True)
    except OSError as error:
        return Interpreter(path, (), f"{path} does not start: {error.strerror}")
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        return Interpreter(path, (), f"{path} has no working venv: {last}")
    version = tuple(map(int, done.stdout.split(".")))
    return Interpreter(path, version)
