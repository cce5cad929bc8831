"""Tests that run the commands of the tutorials and of other pages."""

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from snugnet.firmware.emulator import EMULATOR
from snugnet.firmware.toolchain import COMPILER
from tests.paths import ROOT

TUTORIALS = ROOT / "docs" / "tutorials"
# Commands that need a cross compiler and an emulator.
EMULATED = ("make -C firmware emulate", "snugnet emulate")
HAS_EMULATOR = shutil.which(COMPILER) is not None and shutil.which(EMULATOR) is not None
DATASETS = os.environ.get("SNUGNET_DATASETS")
# The commands whose effect the environment of the tests has already.
SET_UP = ("make .venv", ". .venv/")
ACTIVITIES = ("jumping", "lying", "running", "sitting", "stairs", "walking")
SAVE = """
from snugnet.core.settings.architectures.akida_cnn import AkidaCnn
from snugnet.models.architectures import akida_cnn
from snugnet.models.loading import keras2, storage
settings = AkidaCnn(filters={filters}, dropout=0.0, batch_norm=True)
model = akida_cnn.build(settings, {shape}, "multiclass", 5)
storage.save_model(model, "model.h5")
model.save("mine.keras")
"""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(
        rf"```{language}\b[^\n]*\n(.*?)```", (TUTORIALS / page).read_text(), re.DOTALL
    )


def shell(project, command: str) -> None:
    """Run a command as it is written on a page."""
    # A tool beside this Python is found without an activated environment.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    status, output = project.run("env", f"PATH={path}", "bash", "-c", command)
    assert status == 0, f"{command}\n{output[-5000:]}"


def follow(project, page: str, left_out: tuple[str, ...] = ()) -> None:
    """Run all commands of a tutorial, except those that begin with one of `left_out`."""
    for block in blocks(page, "sh"):
        for command in block.replace("\\\n", " ").splitlines():
            if not command.startswith((*SET_UP, *left_out)):
                shell(project, command)


def save_model(project, filters: list[int], shape: tuple[int, ...]) -> None:
    """Write `model.h5` and `mine.keras`: a network that Akida supports too, with five classes."""
    code = SAVE.format(filters=filters, shape=shape)
    status, output = project.run(sys.executable, "-c", code)
    assert status == 0, output


def activities(folder: Path) -> None:
    """Write 64 samples of three axes, of ten people: tones that distinguish six activities."""
    rng = np.random.default_rng(0)
    label, person = np.tile(np.arange(6), 120), np.arange(10).repeat(72)
    time = np.arange(64) / 50 + rng.uniform(0, 5, (720, 1))
    tone = np.sin(2 * np.pi * time * np.array([0.5, 1, 2, 3, 5, 8])[label, np.newaxis])
    x = (tone[..., np.newaxis] * [1, 0.5, 0.2] + rng.normal(0, 0.2, (720, 64, 3))).astype("f4")
    y = np.array(ACTIVITIES)[label]
    np.savez(folder / "belt.npz", x=x, y=y, group=person)
    values = pd.DataFrame(x.reshape(720, -1)).add_prefix("v")
    values.assign(y=y, group=person).to_csv(folder / "belt.csv", index=False)


def check_activities(project) -> None:
    """The whole default chain has been made, and it works."""
    table = pd.read_csv(project.folder / "results/belt/report/metrics.csv")
    assert len(table) == 4 * 5
    assert set(table["status"]) == {"ok"}
    assert set(table["n_groups"]) == {2}
    assert table["accuracy"].min() > 0.5  # of six activities
    full_integer = table[table["scheme"].str.startswith("fiq_")]
    assert set(full_integer["litert_ref"]) == {"exact"}
    assert (project.folder / "results/belt/report/index.html").stat().st_size > 100_000


@pytest.mark.slow
def test_microcontroller_tutorial_runs_when_data_is_npz(project):
    activities(project.folder)
    follow(project, "microcontroller.md", left_out=() if HAS_EMULATOR else EMULATED)
    check_activities(project)
    header = (project.folder / "firmware/model.h").read_text()
    assert "#define MODEL_RAW_MEAN {" in header
    assert '{"jumping", "lying", "running", "sitting", "stairs", "walking"}' in header


@pytest.mark.slow
def test_study_runs_all_default_steps_when_data_is_csv(project):
    activities(project.folder)
    command = ("-m", "snugnet.cli.main", "init", "--data", "belt.csv", "--window", "64,3")
    status, output = project.run(sys.executable, *command)
    assert status == 0, output
    project.snakemake(*output.strip().rpartition("snakemake ")[2].split())
    check_activities(project)


@pytest.mark.slow
def test_akida_tutorial_runs_when_model_and_data_are_own(project):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 5
    x = rng.normal(size=(200, 320)) + y[:, np.newaxis]
    (project.folder / "datasets").mkdir()
    np.savez(project.folder / "datasets" / "beats.npz", x=x.astype(np.float32), y=y)
    (project.folder / "mine.yaml").write_text("\n".join(blocks("akida.md", "yaml")))
    save_model(project, filters=[8, 16], shape=(16, 20, 1))
    follow(project, "akida.md")
    assert "akida_v2_w8a8" in (project.folder / "results/report/akida.md").read_text()


@pytest.mark.slow
def test_commands_of_pages_run_when_named_files_exist(project):
    """Each line of `snugnet …`, with files of the names in it."""
    y = np.arange(200) % 5
    noise = np.random.default_rng(0).normal(size=(200, 32, 32, 1))
    x = (noise + y[:, None, None, None]).astype(np.float32)
    for name in ("train", "test", "windows"):
        np.savez(project.folder / f"{name}.npz", x=x, y=y)
    save_model(project, filters=[8, 16, 16, 16], shape=(32, 32, 1))
    for name, scheme in (("model", "fiq_int8"), ("other", "fiq_float32")):
        options = f"--method post_training --data train.npz --scheme {scheme}"
        shell(project, f"snugnet quantize --model model.h5 --output {name}.tflite {options}")
    how_to = ("docs/howto/single_files.md", "docs/howto/ci.md")
    pages = ("README.md", *how_to, "docs/explanation/integer_arithmetic.md")
    lines = [line for page in pages for line in (ROOT / page).read_text().splitlines()]
    # test_readme.py executes `init`, with the study that it writes.
    commands = [
        line for line in lines if line.startswith("snugnet ") and "snugnet init " not in line
    ]
    assert len(commands) >= 20
    for command in commands:
        if HAS_EMULATOR or not command.startswith(EMULATED):
            shell(project, command)


@pytest.mark.slow
def test_firmware_page_leads_to_selftest_when_model_is_keras(project):
    """The first commands of the page, from a Keras file to the self-test in the emulator."""
    y = np.arange(200) % 5
    noise = np.random.default_rng(0).normal(size=(200, 32, 32, 1))
    for name in ("train", "test"):
        x = (noise + y[:, None, None, None]).astype(np.float32)
        np.savez(project.folder / f"{name}.npz", x=x, y=y)
    save_model(project, filters=[8, 16, 16, 16], shape=(32, 32, 1))
    page = (ROOT / "docs/howto/firmware.md").read_text()
    commands = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[0].splitlines()
    assert [command.split()[0] for command in commands] == ["snugnet", "snugnet", "make", "make"]
    for command in commands:
        if HAS_EMULATOR or not command.startswith(EMULATED):
            shell(project, command)
    assert "float" not in (project.folder / "firmware/golden.h").read_text()


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.skipif(DATASETS is None, reason="SNUGNET_DATASETS names no folder of real data")
def test_mnist_tutorial_runs_when_real_data_is_present(project):
    assert DATASETS is not None
    (project.folder / "datasets").mkdir()
    (project.folder / "datasets/mnist").symlink_to(Path(DATASETS).resolve() / "mnist")
    (project.folder / "mine.yaml").write_text("\n".join(blocks("mnist.md", "yaml")))
    # The digits are present; tests/workflow/test_fetch.py tests the download.
    follow(project, "mnist.md", left_out=("snakemake --cores 1 fetch",))
    table = pd.read_csv(project.folder / "results/mine/report/metrics.csv")
    assert table["accuracy"].min() > 0.95
    assert "mnist_int8_golden_input[784]" in (project.folder / "mnist_int8.h").read_text()


def test_option_is_in_reference_when_a_page_uses_it():
    """Options of all pages are those that the programs have."""
    known = (ROOT / "docs/reference/command_line.md").read_text()
    pages = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]
    commands = [
        (page.name, line)
        for page in pages
        for line in re.findall(r"^snugnet (?:[^\n\\]|\\\n)*", page.read_text(), re.MULTILINE)
    ]
    assert len(commands) > 10
    for page, line in commands:
        line = line.partition(" #")[0]
        words = line.split()
        name = " ".join(words[:3]) if words[1] == "akida" else " ".join(words[:2])
        section = known.partition(f"## `{name}`")[2].partition("\n## ")[0]
        assert section, f"{page}: {line}"
        for option in re.findall(r"--[a-z-]+", line):
            assert re.search(rf"`{option}\b(?!-)", section), f"{page}: {line}: {option}"
