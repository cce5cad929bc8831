"""Small valid files of every kind that users bring.

python -m tests.hostile.seeds FOLDER
"""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.int8 import export
from snugnet.models.loading.keras2 import tf, tf_keras
from snugnet.services.quantize import quantize
from snugnet.tflite.flatbuffer import read_graph
from tests.unit.int8 import models

layers = tf_keras.layers
# Shape of a sample of each model, by name.
SHAPES = {
    "chain": (16, 3),
    "branches": (8, 8, 1),
    "lstm": (5, 3),
    "recurrent": (3, 3),
    "wrapped": (3, 3),
    "network": (8, 8, 2),
    "elementwise": (6, 6, 4),
}
SAMPLES = 24
# A SavedModel whose program writes this file when it is loaded.
CANARY = "canary"
# Keras 3 cannot be in one process with Keras 2.
KERAS3_PROGRAM = """
import sys
import keras
from keras import layers

folder = sys.argv[1]
keras.utils.set_random_seed(1)
signal, image = keras.Input((16, 3)), keras.Input((8, 8, 1))
chain = [layers.Conv1D(4, 3, activation="relu"), layers.BatchNormalization(), layers.ReLU()]
chain += [layers.MaxPooling1D(), layers.Flatten(), layers.Dense(3, activation="softmax")]
model = keras.Sequential([keras.Input((16, 3)), *chain])
model.save(f"{folder}/keras3_chain.keras")
model.save(f"{folder}/keras3_chain.h5")
x = layers.Conv2D(4, 3, padding="same")(image)
x = layers.ReLU(6.0)(x + layers.Conv2D(4, 1)(image) * 0.5)
inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, activation="tanh")], name="inner")
x = inner(layers.GlobalAveragePooling2D()(x))
model = keras.Model(image, layers.Dense(3, activation="softmax")(x))
model.save(f"{folder}/keras3_branches.keras")
"""


def main(folder: Path) -> None:
    """Write all seeds to a folder."""
    program = [sys.executable, "-c", KERAS3_PROGRAM, folder]
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "0", "KERAS_BACKEND": "tensorflow"}
    keras3 = subprocess.Popen(program, stderr=subprocess.PIPE, env=environment)
    write_data(folder)
    write_tflite(folder)
    write_keras(folder)
    _, errors = keras3.communicate()
    assert keras3.returncode == 0, errors.decode()[-3000:]


def write_data(folder: Path) -> None:
    """Write samples for every model as .npz, .npy and .csv."""
    rng = np.random.default_rng(3)
    for name, shape in SHAPES.items():
        x = rng.normal(0, 1, (SAMPLES, *shape)).astype(np.float32)
        y, group = np.arange(SAMPLES) % 3, np.arange(SAMPLES) // 4
        np.savez(folder / f"{name}_data.npz", x=x, y=y, group=group)
        np.save(folder / f"{name}_data.npy", x)
        with (folder / f"{name}_data.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["y", "group", *(f"v{i}" for i in range(x[0].size))])
            writer.writerows(
                [label, part, *map(float, sample.ravel())]
                for label, part, sample in zip(y, group, x, strict=True)
            )


def write_tflite(folder: Path) -> None:
    """Write .tflite files, and two of them as `snugnet export` does."""
    contents = {
        "network": models.network(),
        "network_float": models.network(float_ends=True),
        "elementwise": models.branches(),
    }
    for name, content in contents.items():
        (folder / f"{name}.tflite").write_bytes(content)
    for name in ("network", "elementwise"):
        graph = read_graph(folder / f"{name}.tflite")
        for form in ("npz", "json"):
            export.write(graph, folder / f"{name}.{form}")


def write_keras(folder: Path) -> None:
    """Write models of Keras 2 in its three formats, and two of them as converted files."""
    tf_keras.utils.set_random_seed(1)
    for name, build in BUILDERS.items():
        model = build()
        # A SavedModel has a traced program; for loops that takes long.
        for suffix in (".h5", ".keras") if name == "wrapped" else (".h5", ".keras", "_saved"):
            model.save(folder / f"{name}{suffix}")
    write_program(folder / "program_saved", str(folder / CANARY))
    for name, model in (("chain", build_chain()), ("lstm", build_lstm())):
        x = np.load(folder / f"{name}_data.npy", allow_pickle=False)
        quantize(model, "fiq_int8", x).save(folder / f"{name}.tflite")


def build_chain() -> Any:
    return tf_keras.Sequential(
        [
            layers.Input(SHAPES["chain"]),
            layers.Conv1D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling1D(),
            layers.Dropout(0.1),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def build_branches() -> Any:
    """Build a functional model with a submodel, a TensorFlow function and a slice."""
    inputs = layers.Input(SHAPES["branches"])
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    y = layers.SeparableConv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.LeakyReLU()(layers.Add()([x, y]) * 0.5)
    base_inputs = layers.Input((8, 8, 4))
    base = tf_keras.Model(base_inputs, layers.ZeroPadding2D()(base_inputs), name="base")
    x = layers.GlobalAveragePooling2D()(base(x)[:, 1:, :, :])
    return tf_keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def build_lstm() -> Any:
    """Build a model whose LSTM is one operator of TFLite, which keeps a state."""
    return tf_keras.Sequential(
        [layers.Input(SHAPES["lstm"]), layers.LSTM(3), layers.Dense(3, activation="softmax")]
    )


def build_recurrent() -> Any:
    return tf_keras.Sequential(
        [
            layers.Input(SHAPES["recurrent"]),
            layers.TimeDistributed(layers.Dense(4)),
            layers.LSTM(2),
            layers.Dense(3, activation="softmax"),
        ]
    )


def build_wrapped() -> Any:
    """Build a model with cells and layers within layers, whose conversion takes seconds."""
    return tf_keras.Sequential(
        [
            layers.Input(SHAPES["wrapped"]),
            layers.RNN([layers.GRUCell(2), layers.LSTMCell(2)], return_sequences=True),
            layers.Bidirectional(layers.LSTM(2)),
            layers.Dense(3, activation="softmax"),
        ]
    )


BUILDERS: dict[str, Callable[[], Any]] = {
    "chain": build_chain,
    "branches": build_branches,
    "recurrent": build_recurrent,
    "wrapped": build_wrapped,
}


def write_program(folder: Path, canary: str) -> None:
    """Write a SavedModel whose program writes a file when it is loaded."""
    from tensorflow.python.trackable.resource import CapturableResource

    class Resource(CapturableResource):  # type: ignore[misc]
        def _create_resource(self) -> Any:
            return tf.constant(0)

        def _initialize(self) -> Any:
            return tf.io.write_file(canary, "")

    model = build_chain()
    model.resource = Resource()
    model.save(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
