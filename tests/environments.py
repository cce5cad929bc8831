"""Environments of Python in which nothing is installed but what a user asks for."""

import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from tests.paths import ROOT


def fresh(folder: Path, extras: str = "") -> Path:
    """Install the package, with extras, from a copy of its source; give the folder of programs.

    Args:
        folder: Where to.
        extras: As pip takes them: `[tflite]`.
    """
    source = folder / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    pip = [programs / "python", "-m", "pip", "--quiet"]
    fetched = subprocess.run([*pip, "download", "numpy", "--dest", folder / "wheels"])
    if fetched.returncode:
        # Without an index neither NumPy nor what builds the package can be had. Whatever fails
        # behind this is our own packaging's fault, and no reason to skip.
        pytest.skip("no package index can be reached: pip cannot download NumPy")
    subprocess.run([*pip, "install", f"{source}{extras}"], check=True)
    return programs
