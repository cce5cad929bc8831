"""Fixtures: a model, samples, and functions that run commands."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snugnet.cli.app import run
from tests.unit.int8 import models

SHAPE = (8, 8, 2)


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(models.network())
    return path


@pytest.fixture
def float_model(tmp_path) -> Path:
    """The same network, with real numbers at both ends."""
    path = tmp_path / "in_float.tflite"
    path.write_bytes(models.network(float_ends=True))
    return path


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 5, (9, *SHAPE)).astype(np.float32)


@pytest.fixture
def command(capsys):
    """Return a function that runs a command and returns its exit code, stdout and stderr."""

    def run_command(*arguments: Any) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def command_json(command):
    """Return a function that runs a command with --json and returns exit code and result."""

    def run_command(*arguments: Any) -> tuple[int, dict[str, Any]]:
        code, output, _ = command(*arguments, "--json")
        return code, json.loads(output)

    return run_command
