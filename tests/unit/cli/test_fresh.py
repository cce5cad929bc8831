"""Tests of the commands in new environments with only one extra installed."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.environments import create_environment
from tests.unit.cli import foreign_models

pytestmark = pytest.mark.slow


def command_json(snugnet: Path, *arguments: Any) -> dict[str, Any]:
    """Run a command where neither this repository nor its environment can be seen."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [snugnet, *map(str, arguments), "--json"]
    done = subprocess.run(
        command, cwd=snugnet.parent, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def installed(programs: Path) -> set[str]:
    output = subprocess.check_output([programs / "python", "-m", "pip", "list", "--format", "json"])
    return {package["name"] for package in json.loads(output)}


def test_file_commands_work_when_only_extra_tflite_is_installed(tmp_path, model, x):
    programs = create_environment(tmp_path, "[tflite]")
    assert not {"tensorflow", "tf_keras", "akida"} & installed(programs)
    snugnet = programs / "snugnet"
    data = tmp_path / "test.npz"
    np.savez(data, x=x, y=np.arange(len(x)) % 3)
    assert command_json(snugnet, "inspect", model)["scheme"] == "fiq_int8"
    assert len(command_json(snugnet, "run", model, data)["raw"]) == len(x)
    assert command_json(snugnet, "verify", model, "--data", data)["tflm"]["verdict"] == "exact"
    assert command_json(snugnet, "benchmark", "--model", model, "--data", data)["accuracy"][
        "n"
    ] == len(x)
    place = ("--operator", 4, "--element", "0,2")
    assert "output" in command_json(snugnet, "explain", model, data, *place)
    assert command_json(snugnet, "export", model, "--to", "c", "--output", tmp_path / "m.c")[
        "written"
    ]


def test_quantize_works_when_only_extra_train_is_installed(keras, tmp_path):
    programs = create_environment(tmp_path, "[train]")
    assert not {"akida", "snakemake"} & installed(programs)
    model = foreign_models.save_model_file("conv1d", "h5", tmp_path)
    rng = np.random.default_rng(0)
    data, output = tmp_path / "train.npz", tmp_path / "q.tflite"
    x = rng.normal(size=(60, 64, 3)).astype(np.float32)
    np.savez(data, x=x, y=np.arange(60) % 4)
    for method in ("post_training", "quantization_aware"):
        options = ("--model", model, "--output", output, "--data", data, "--epochs", 1)
        arguments = (*options, "--method", method, "--force")
        result = command_json(programs / "snugnet", "quantize", *arguments)
        assert result["certificate"]["litert_ref"]["verdict"] == "exact"
        assert result["bytes"]["output"] == output.stat().st_size
