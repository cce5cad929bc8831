"""Test of an exported model in an environment with NumPy only."""

import json
import subprocess
import sys

import numpy as np
import pytest

from snugnet.int8 import load
from snugnet.int8.export import read, write
from tests.environments import create_environment

PROGRAM = """
import json, sys
from importlib.metadata import distributions
from snugnet.int8.__main__ import main
code = main(sys.argv[1:])
print(json.dumps(sorted({d.metadata["Name"] for d in distributions()})), file=sys.stderr)
sys.exit(code)
"""


def inception() -> bytes:
    from snugnet.core.settings.architectures.inception import Inception
    from snugnet.core.tflite_schemes import SCHEMES
    from snugnet.models.architectures import inception
    from snugnet.models.loading import keras2
    from snugnet.tflite.convert import convert

    keras2.configure(seed=1, threads=1)
    settings = Inception(stages=3, filters=16, bottleneck=8, kernel=4, stride=2)
    model = inception.build(settings, (1, 320, 1), "multiclass", 5)
    samples = np.random.default_rng(0).normal(size=(50, 1, 320, 1)).astype(np.float32)
    return convert(model, SCHEMES["fiq_int8"], samples)


@pytest.mark.slow
def test_exported_model_runs_when_only_numpy_is_installed(tmp_path):
    python = create_environment(tmp_path) / "python"
    file, exported = tmp_path / "model.tflite", tmp_path / "model.npz"
    file.write_bytes(inception())
    write(read(file), exported)
    x = np.random.default_rng(1).integers(-128, 128, (64, 1, 320, 1)).astype(np.int8)
    np.save(tmp_path / "x.npy", x)
    command = [python, "-I", "-c", PROGRAM, exported, tmp_path / "x.npy", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["raw"] == load(file).predict(x).tolist()
    packages = set(json.loads(done.stderr.splitlines()[-1]))
    # Python 3.11 puts setuptools into each environment, later versions do not.
    assert packages - {"setuptools"} == {"numpy", "snugnet", "pip"}, sys.version
