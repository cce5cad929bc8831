"""Tests of a study with a Keras file of a user."""

import sys

import numpy as np

from tests.paths import ROOT

# TensorFlow stays out of the process that runs the tests of the workflow.
SAVE = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.unit.cli import foreign_models
model = foreign_models.BUILDERS["conv1d"]()
model.set_weights([weight + float(sys.argv[2]) for weight in model.get_weights()])
model.save("conv1d.keras")
"""
COMPARE = """
import sys
import numpy as np
from snugnet.models.loading.keras2 import tf_keras
original, copy = map(tf_keras.models.load_model, sys.argv[1:])
x = np.random.default_rng(0).normal(size=(8, 64, 3)).astype(np.float32)
# A convolution in two dimensions sums as one in one dimension does, perhaps in another order.
np.testing.assert_allclose(original(x).numpy(), copy(x).numpy(), atol=1e-6)
"""


def run_init(project, *options: str) -> str:
    """Run `snugnet init` in a project; return the next command that it prints."""
    status, output = project.run(sys.executable, "-m", "snugnet.cli.main", "init", *options)
    assert status == 0, output
    return output.strip().rpartition("snakemake ")[2]


def python(project, program: str, *arguments: str) -> None:
    status, output = project.run(sys.executable, "-c", program, *arguments)
    assert status == 0, output


def test_study_uses_keras_file_and_reruns_when_file_changes(project):
    python(project, SAVE, str(ROOT), "0")
    x = np.random.default_rng(0).normal(size=(80, 64, 3)).astype(np.float32)
    np.savez(project.folder / "own.npz", x=x, y=np.arange(80) % 4)
    run_init(project, "--data", "own.npz", "--model", "conv1d.keras")
    model_file = "results/own/models/own/original/model.h5"
    aware = "results/own/tflite/own/original_qat/fiq_int8/model.tflite"
    study = ("--configfile", "config/own.yaml")
    project.snakemake("--cores", "2", model_file, aware, *study)
    python(project, COMPARE, "conv1d.keras", model_file)
    # The file is an input like any other: with other weights it, and what follows, is made anew.
    assert project.plan(aware, options=study) == {}
    python(project, SAVE, str(ROOT), "0.1")
    assert project.plan(aware, options=study).keys() == {"adopt", "train_quantized", "convert_qat"}


def test_run_names_model_file_when_it_is_missing(project):
    np.savez(project.folder / "own.npz", x=np.zeros((30, 8, 2), np.float32), y=np.arange(30) % 3)
    run_init(project, "--data", "own.npz")
    study = project.folder / "config/own.yaml"
    study.write_text(study.read_text().replace("architecture: smartwatch", "file: gone.h5"))
    target = "results/own/models/own/original/model.h5"
    output = project.snakemake("--cores", "2", target, "--configfile", str(study), ok=False)
    assert "models.own.file: no file 'gone.h5'; set `file` to where your model is" in output
    assert not (project.folder / "results/own/data").exists()
