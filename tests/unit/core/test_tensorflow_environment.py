"""Tests of the environment in which TensorFlow and Keras are imported."""

import json
import os
import subprocess
import sys

import pytest

from snugnet.core.tensorflow_environment import fix_environment

PROGRAM = """
import json
from snugnet.models.loading.keras2 import tf, tf_keras
backend = tf_keras.backend
print(json.dumps([backend.floatx(), backend.epsilon(), backend.image_data_format()]))
"""


@pytest.mark.parametrize("imports_first", [False, True])
def test_keras_has_its_defaults_when_keras_json_has_others(tmp_path, imports_first):
    folder = tmp_path / ".keras"
    folder.mkdir()
    other = {"floatx": "float64", "epsilon": 0.5, "image_data_format": "channels_first"}
    (folder / "keras.json").write_text(json.dumps(other))
    first = "import os; os.environ['TF_USE_LEGACY_KERAS'] = '1'; import tf_keras\n"
    done = subprocess.run(
        [sys.executable, "-c", first * imports_first + PROGRAM],
        env={**os.environ, "HOME": str(tmp_path), "KERAS_HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == ["float32", 1e-7, "channels_last"]
    assert [path.name for path in tmp_path.rglob("*.json")] == ["keras.json"]


def test_environment_has_no_variable_when_it_changes_results():
    environment = {
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "HOME": "/h",
    }
    fix_environment(environment)
    assert "TF_XLA_FLAGS" not in environment
    assert "TF_ENABLE_ONEDNN_OPTS" not in environment
    assert environment["TF_USE_LEGACY_KERAS"] == "1"
    assert environment["HOME"] == "/h"
