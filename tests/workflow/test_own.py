"""A stranger's data, and a stranger's model, run through the workflow from `snugnet init` alone."""

import sys

import numpy as np
import pandas as pd
import pytest

from tests.paths import ROOT

# TensorFlow stays out of the process that runs the tests of the workflow.
SAVE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.unit.cli import foreign_models
foreign_models.saved("conv1d", "keras", Path("."))
"""
COMPARE = """
import sys
import numpy as np
from snugnet.models.keras2 import tf_keras
theirs, ours = map(tf_keras.models.load_model, sys.argv[1:])
for one, other in zip(theirs.get_weights(), ours.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)
"""
ACTIVITIES = ("jumping", "lying", "running", "sitting", "stairs", "walking")


def begun(project, *options: str) -> str:
    """Run `snugnet init` in a project; give the command that it says comes next."""
    status, said = project.run(sys.executable, "-m", "snugnet.cli.main", "init", *options)
    assert status == 0, said
    return said.strip().rpartition("snakemake ")[2]


def activities(folder) -> None:
    """Write 64 samples of three axes, from ten people: tones that tell the activities apart."""
    rng = np.random.default_rng(0)
    label, person = np.tile(np.arange(6), 120), np.arange(10).repeat(72)
    time = np.arange(64) / 50 + rng.uniform(0, 5, (720, 1))
    tone = np.sin(2 * np.pi * time * np.array([0.5, 1, 2, 3, 5, 8])[label, np.newaxis])
    x = tone[..., np.newaxis] * [1, 0.5, 0.2] + rng.normal(0, 0.2, (720, 64, 3))
    np.savez(
        folder / "belt.npz", x=x.astype(np.float32), y=np.array(ACTIVITIES)[label], group=person
    )
    values = pd.DataFrame(x.reshape(720, -1)).add_prefix("v")
    values.assign(y=np.array(ACTIVITIES)[label], group=person).to_csv(
        folder / "belt.csv", index=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [("--data", "belt.npz"), ("--data", "belt.csv", "--window", "64,3")]
)
def test_data_that_nobody_prepared_for_run_the_default_chain(project, options):
    activities(project.folder)
    project.snakemake(*begun(project, *options).split())
    table = pd.read_csv(project.folder / "results/belt/report/metrics.csv")
    assert len(table) == 4 * 5
    assert set(table["status"]) == {"ok"}
    assert set(table["n_groups"]) == {2}
    assert table["accuracy"].min() > 0.5  # of six activities
    full_integer = table[table["scheme"].str.startswith("fiq_")]
    assert set(full_integer["litert_ref"]) == {"exact"}
    assert (project.folder / "results/belt/report/index.html").stat().st_size > 100_000


def python(project, program: str, *arguments: str) -> None:
    status, said = project.run(sys.executable, "-c", program, *arguments)
    assert status == 0, said


def test_a_strangers_model_is_taken_over_as_it_is(project):
    python(project, SAVE, str(ROOT))
    x = np.random.default_rng(0).normal(size=(80, 64, 3)).astype(np.float32)
    np.savez(project.folder / "own.npz", x=x, y=np.arange(80) % 4)
    begun(project, "--data", "own.npz", "--model", "conv1d.keras")
    made = "results/own/models/own/original/model.h5"
    aware = "results/own/tflite/own/original_qat/fiq_int8/model.tflite"
    study = ("--configfile", "config/own.yaml")
    project.snakemake("--cores", "2", made, aware, *study)
    python(project, COMPARE, "conv1d.keras", made)
    # The file is an input like any other.
    python(project, SAVE, str(ROOT))
    assert project.plan(made, options=study).keys() == {"adopt"}


def test_a_model_that_is_not_there_is_named(project):
    activities(project.folder)
    begun(project, "--data", "belt.npz")
    study = project.folder / "config/belt.yaml"
    study.write_text(study.read_text().replace("architecture: smartwatch", "file: gone.h5"))
    target = "results/belt/models/belt/original/model.h5"
    said = project.snakemake("--cores", "2", target, "--configfile", str(study), ok=False)
    assert "gone.h5: no such file" in said
