"""Tests of API functions that take the path of a Keras file, after TensorFlow has run an operator.

Each runs in a process of its own: the other tests fix the number of threads before.
"""

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
import snugnet as sn
from snugnet.models.loading.keras2 import tf, tf_keras

layers = tf_keras.layers
model = tf_keras.Sequential(
    [
        layers.Input((8, 8, 1), name="input"),
        layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
        layers.Flatten(name="flatten"),
        layers.Dense(3, name="scores"),
        layers.Softmax(name="probabilities"),
    ]
)
model.save("m.h5")
tf.reduce_sum(tf.ones(9)).numpy()
rng = np.random.default_rng(0)
x, y = rng.uniform(0, 255, (24, 8, 8, 1)).astype(np.float32), np.arange(24) % 3
threads = tf.config.threading.get_intra_op_parallelism_threads()
np.random.seed(7)
state = np.random.get_state()[1].tolist()
"""
CALLS = {
    "quantize": "sn.quantize('m.h5', calibration=x)",
    "evaluate": "sn.evaluate('m.h5', x, y)",
    "compare": "sn.compare(sn.quantize('m.h5', calibration=x), 'm.h5', x, y)",
    "to_akida": "sn.to_akida('m.h5', 'akida_v2_w8a8', x)",
}
TRAINING_CALLS = {
    "quantize_aware": "sn.quantize_aware('m.h5', (x, y), (x, y), epochs=1)",
    "prune": "sn.prune('m.h5', (x, y), (x, y), 0.249, epochs=1)",
    "factorize": "sn.factorize('m.h5', {'scores': sn.SVD(2)}, (x, y), (x, y), epochs=1)",
}
CHECK_THREADS = "assert tf.config.threading.get_intra_op_parallelism_threads() == threads\n"
CHECK_SEED = "assert np.random.get_state()[1].tolist() == state\n"


def run(code: str, folder) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{PROGRAM}\n{code}"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("name", CALLS)
def test_api_keeps_threads_and_seed_when_model_is_a_path(name, tmp_path):
    run(f"{CALLS[name]}\n{CHECK_THREADS}{CHECK_SEED}", tmp_path)


@pytest.mark.parametrize("name", TRAINING_CALLS)
def test_api_keeps_threads_when_it_trains_a_path(name, tmp_path):
    run(f"{TRAINING_CALLS[name]}\n{CHECK_THREADS}", tmp_path)
