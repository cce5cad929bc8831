"""Tests of a small study that generates C code and states what must fit a microcontroller."""

import json
import shutil
import subprocess

import pandas as pd
import pytest

from snugnet.firmware.emulator import EMULATOR
from snugnet.firmware.folder import list_files
from snugnet.firmware.host import has_compiler
from snugnet.firmware.toolchain import COMPILER
from tests.workflow.conftest import TINY, Project

HAS_TOOLS = all(map(shutil.which, (COMPILER, EMULATOR))) and has_compiler()
STUDY = """
study:
  - models: [digits_fc]
    schemes: [float32, fiq_int8, fiq_uint8]
firmware:
  targets: [cortex-m4, cortex-m0]
  samples: 8
gates:
  - fits: {target: cortex-m4, flash: FLASH, ram: 16k, instructions: 5M, accuracy_drop: 5.0}
"""
CELL = "digits_fc/original/fiq_int8"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.firmware,
    pytest.mark.skipif(
        not HAS_TOOLS, reason=f"not installed: {COMPILER}, {EMULATOR} or a C compiler"
    ),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("firmware"))
    (project.folder / "study.yaml").write_text(STUDY.replace("FLASH", "64k"))
    project.first_output = project.snakemake("--cores", "all", "all", *TINY, "study.yaml")
    return project


@pytest.fixture(scope="module")
def table(study) -> pd.DataFrame:
    return pd.read_csv(study.results / "report" / "metrics.csv").set_index("scheme")


def test_folder_is_complete_when_study_has_targets(study):
    folder = study.results / f"firmware/{CELL}/source"
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert sorted(set(files) - {".snakemake_timestamp"}) == list_files("model")
    header = (folder / "model.h").read_text()
    assert "MODEL_CLASS_COUNT 10" in header
    assert "Units:" in header
    assert "| cortex-m4 |" in (folder / "README.md").read_text()
    done = subprocess.run(["make", "check"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_footprint_is_exact_when_tools_are_installed(study):
    footprint = json.loads((study.results / f"firmware/{CELL}/footprint.json").read_text())
    assert footprint["host"]["exact"]
    assert footprint["host"]["samples"] > 100
    assert list(footprint["targets"]) == ["cortex-m0", "cortex-m4"]
    for costs in footprint["targets"].values():
        assert costs["exact"]
        assert costs["samples"] == 8
    assert footprint["missing"] is None


def test_table_has_costs_when_cell_is_full_integer(table):
    costs = ["flash_bytes_cortex_m4", "ram_bytes_cortex_m4", "instructions_cortex_m0"]
    assert table.loc["float32", costs].isna().all()
    assert (table.loc[["fiq_int8", "fiq_uint8"], costs] > 0).all(axis=None)
    assert table.loc["fiq_int8", "firmware"] == "exact"
    assert table["flash_bytes_cortex_m55"].isna().all()


def test_gate_lists_fitting_cells_when_study_has_fits(study):
    gate = json.loads((study.results / "report" / "gate.json").read_text())
    (check,) = gate["fits"]
    assert check["cells"] == [f"{CELL}/litert", "digits_fc/original/fiq_uint8/litert"]
    assert "whose C code has the least flash on cortex-m0" in study.first_output
    page = (study.results / "report" / "index.html").read_text()
    assert "What fits cortex-m4" in page


def test_manifest_has_firmware_when_study_has_targets(study):
    manifest = json.loads((study.results / "manifest.json").read_text())
    assert f"firmware/{CELL}/footprint.json" in json.dumps(manifest)
    assert f"firmware/{CELL}/source" in json.dumps(manifest)


def test_run_fails_with_nearest_cell_when_nothing_fits(study):
    (study.folder / "tight.yaml").write_text(STUDY.replace("FLASH", "8k"))
    arguments = ("--cores", "all", "all", *TINY, "tight.yaml")
    output = study.snakemake(*arguments, ok=False)
    assert "digits: no cell fits cortex-m4; the nearest is digits_fc/original/" in output
    assert "export_firmware" not in output


def test_only_table_jobs_run_when_targets_are_removed(study):
    (study.folder / "none.yaml").write_text(STUDY.partition("firmware:")[0])
    output = study.snakemake("--dry-run", "all", *TINY, "none.yaml")
    assert "export_firmware" not in output
    assert "train " not in output
