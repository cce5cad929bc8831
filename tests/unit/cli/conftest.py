"""A model and samples as a user has them, and a way to run commands."""

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
def in_float(tmp_path) -> Path:
    """The same network, with real numbers at both ends."""
    path = tmp_path / "in_float.tflite"
    path.write_bytes(models.network(float_ends=True))
    return path


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 5, (9, *SHAPE)).astype(np.float32)


@pytest.fixture
def command(capsys):
    """Run a command line; give its exit code, what it printed and what it complained of."""

    def of(*arguments: Any) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return of


@pytest.fixture
def asked(command):
    """Run a command line with --json; give its exit code and what it found."""

    def of(*arguments: Any) -> tuple[int, dict[str, Any]]:
        code, output, _ = command(*arguments, "--json")
        return code, json.loads(output)

    return of
