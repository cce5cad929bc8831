"""Tests of the wheel, which contains the package and the workflow."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from snugnet import __version__
from snugnet.jobs.code_digests import compute_all_digests, compute_code_digests
from tests.environments import copy_source
from tests.paths import ROOT

PACKAGES = ("snugnet", "snakemake_logger_plugin_snugnet")
WORKFLOW = "snugnet_workflow"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The contents of the wheel, built without an index from a copy of the source."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-build-isolation", "--no-deps", "--no-index", "--quiet")
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder]
    source = copy_source(folder)
    for name in (*PACKAGES, WORKFLOW):
        stale = source / "build" / "lib" / name
        stale.mkdir(parents=True)
        (stale / "removed.py").touch()  # a file of an earlier build
    subprocess.run([*command, source], check=True)
    (wheel,) = folder.glob("snugnet-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in paths
        if not {"__pycache__"} & set(path.parts)
    }


def test_wheel_has_only_current_files_when_build_folder_is_stale(site):
    expected = files(ROOT / "workflow") | {"config.yaml": (ROOT / "config.yaml").read_bytes()}
    profile = "profiles/default/profile.yaml"
    expected[profile] = (ROOT / profile).read_bytes()
    assert files(site / WORKFLOW) == expected
    for name in PACKAGES:
        assert files(site / name) == files(ROOT / "src" / name)
    others = {path.name for path in site.iterdir()} - {*PACKAGES, WORKFLOW}
    assert others == {f"snugnet-{__version__}.dist-info"}


def test_wheel_contains_logger_plugin_when_profile_names_it(site):
    profile = yaml.safe_load((site / WORKFLOW / "profiles/default/profile.yaml").read_text())
    assert (site / f"snakemake_logger_plugin_{profile['logger']}" / "__init__.py").is_file()


def test_build_keeps_other_files_when_build_folder_is_not_empty(tmp_path):
    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "precious.txt").touch()
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", folder]
    subprocess.run(command, cwd=copy_source(tmp_path), check=True)
    assert {path.name for path in folder.iterdir()} == {*PACKAGES, WORKFLOW, "precious.txt"}


def test_code_digests_are_equal_when_code_is_in_wheel(site):
    clone = compute_all_digests(ROOT / "src" / "snugnet", ROOT / "workflow" / "scripts")
    assert compute_all_digests(site / "snugnet", site / WORKFLOW / "scripts") == clone
    for name, modules in (("train", ("snugnet.models.architectures.cnn",)), ("verify", ())):
        script = ROOT / "workflow" / "scripts" / f"{name}.py"
        expected = compute_code_digests(script, modules, ROOT / "src")
        assert (
            compute_code_digests(site / WORKFLOW / "scripts" / f"{name}.py", modules, site)
            == expected
        )


def run(site: Path, folder: Path, *command: str) -> str:
    """Run a command in a folder, with the wheel's package instead of this one."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_study_is_planned_when_only_wheel_is_installed(site, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.zeros((60, 32, 2), np.float32), y=np.arange(60) % 3)
    output = run(site, tmp_path, "snugnet.cli.main", "init", "--data", "d.npz")
    assert output.endswith("  snakemake --cores 2 all\n")
    plan = run(site, tmp_path, "snakemake", "--dry-run", "--cores", "2")
    assert "profiles/default" in plan
    assert "rule prepare_dataset" in plan
    assert "results/d/models/d/original/model.h5" in plan
    assert str(ROOT / "workflow") not in plan
    assert str(ROOT / "src") not in plan
    # The default target is `all`.
    assert re.search(r"^(local)?rule all:$", plan, re.MULTILINE)


def test_study_is_planned_when_init_writes_another_file(site, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.zeros((60, 32, 2), np.float32), y=np.arange(60) % 3)
    options = ("--data", "d.npz", "--output", "study.yaml")
    run(site, tmp_path, "snugnet.cli.main", "init", *options)
    plan = run(site, tmp_path, "snakemake", "--dry-run", "all")
    assert "results/d/models/d/original/model.h5" in plan
