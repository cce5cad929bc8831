"""Tests of fresh installs with every supported Python of this machine (`make test-install`).

Needs a package index, and some minutes for each Python. PYTHONS="PATH ..." names more Pythons.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests import environments
from tests.unit.int8 import models
from tests.workflow.test_notebook import read_code

pytestmark = [pytest.mark.slow, pytest.mark.install]

PATHS = environments.interpreter_paths()
STUDY, ENGINE = ((3, 11), (3, 12)), ((3, 11), (3, 12), (3, 13))


def bare(folder: Path, *command: str | Path, path: str = "/usr/bin:/bin", status: int = 0) -> str:
    """Run a command without any setting of this environment; return what it printed."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        ["/usr/bin/env", "-i", f"HOME={home}", f"PATH={path}", *map(str, command)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == status, done.stdout[-6000:]
    return done.stdout


def require(path: Path, versions: tuple[tuple[int, int], ...]) -> environments.Interpreter:
    python = environments.interpreter(path)
    if python.problem or python.version[:2] not in versions:
        pytest.skip(python.problem or f"{path}: not for Python {python.version}")
    return python


def environment(folder: Path, python: Path) -> Path:
    """Make a virtual environment; return its folder of programs."""
    bare(folder, python, "-m", "venv", "venv")
    return folder / "venv" / "bin"


def test_machine_has_supported_python_when_paths_are_searched():
    pythons = [environments.interpreter(path) for path in PATHS]
    problems = [python.problem for python in pythons if python.problem]
    assert any(python.version[:2] in STUDY for python in pythons), (
        f"no Python 3.11 or 3.12 in /usr/bin, pyenv or PYTHONS {problems or ''}"
    )


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_demo_passes_when_clone_is_fresh(path, tmp_path):
    require(path, STUDY)
    clone = environments.copy_tracked(tmp_path / "clone")
    output = bare(clone, "make", "demo", f"PYTHON={path}")
    assert (clone / "results/tiny/report/gate.passed").exists()
    assert "All checks passed (24 cells)" in output
    assert "Recommended models" in output
    packages = bare(clone, ".venv/bin/python", "-m", "pip", "list")
    assert "snakemake" in packages
    assert not {"mypy", "mkdocs", "pytest"} & set(packages.split())


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_file_commands_work_when_only_extra_tflite_is_installed(path, tmp_path):
    python = require(path, ENGINE)
    folder = tmp_path / "work"
    folder.mkdir()
    programs = environment(folder, path)
    source = environments.copy_source(tmp_path)
    bare(folder, programs / "python", "-m", "pip", "install", "--quiet", f"{source}[tflite]")
    (folder / "model.tflite").write_bytes(models.network())
    np.savez(folder / "d.npz", x=np.zeros((3, 8, 8, 2), np.float32), y=np.arange(3))
    snugnet = programs / "snugnet"
    version = ".".join(map(str, python.version))
    assert bare(folder, snugnet, "--version").endswith(f"(Python {version})\n")
    assert "fiq_int8" in bare(folder, snugnet, "inspect", "model.tflite")
    assert "exact" in bare(folder, snugnet, "verify", "model.tflite", "--data", "d.npz")
    request = ("quantize", "--model", "m.h5", "--output", "q.tflite", "--data", "d.npz")
    (folder / "m.h5").write_bytes(b"")
    refusal = bare(folder, snugnet, *request, status=2)
    if python.version >= (3, 13):
        assert "TensorFlow 2.19 has no build for Python 3.13; use Python 3.11 or 3.12" in refusal
    else:
        assert "pip install 'snugnet[train]'" in refusal


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_study_runs_when_only_wheel_is_installed(path, tmp_path):
    require(path, STUDY)
    folder = tmp_path / "study"
    folder.mkdir()
    programs = environment(tmp_path, path)
    pip = (programs / "python", "-m", "pip", "--quiet")
    source = environments.copy_source(tmp_path)
    bare(tmp_path, *pip, "wheel", "--no-deps", "--wheel-dir", "dist", source)
    (wheel,) = (tmp_path / "dist").glob("snugnet-*.whl")
    bare(tmp_path, *pip, "install", f"{wheel}[all]")
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    tones = np.sin(np.arange(48)[np.newaxis, :, np.newaxis] * (0.2 + 0.3 * y)[:, None, None])
    x = (tones + rng.normal(0, 0.1, (240, 48, 2))).astype(np.float32)
    np.savez(folder / "d.npz", x=x, y=y)
    everywhere = f"{programs}:/usr/bin:/bin"
    output = bare(folder, "snugnet", "init", "--data", "d.npz", path=everywhere)
    assert output.endswith("  snakemake --cores 2 all\n")
    bare(folder, "snakemake", "--cores", "2", "all", path=everywhere)
    assert (folder / "results/d/report/index.html").exists()
    assert (folder / "results/d/report/gate.passed").exists()
    again = bare(folder, "snakemake", "--cores", "2", "all", path=everywhere)
    assert "Nothing to be done" in again
    notebook = folder / "notebook.py"
    notebook.write_text(read_code())
    bare(folder, programs / "python", notebook)
