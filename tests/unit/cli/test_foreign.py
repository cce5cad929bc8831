"""Tests of loading Keras files, including files of Keras 3."""

import subprocess
import sys

import numpy as np
import pytest

from snugnet.core.errors import InputError
from tests.unit.cli import foreign_models

# Only these tests need Keras 3, to write its files; it cannot be in a process with Keras 2.
PROGRAM = """
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
folder = sys.argv[1]


def save(model, name):
    model.set_weights([np.abs(rng.normal(0, 0.3, w.shape)) for w in model.get_weights()])
    model.save(f"{folder}/{name}")
    shape = (3, *model.input_shape[1:])
    x = rng.normal(size=shape).astype("float32")
    np.savez(f"{folder}/{name}.npz", x=x, y=np.asarray(model(x, training=False)))


chain = [layers.Conv1D(8, 3, activation="relu", padding="same"), layers.BatchNormalization()]
chain += [layers.LeakyReLU(), layers.MaxPooling1D(), layers.Dropout(0.2)]
chain += [layers.GlobalAveragePooling1D(), layers.Dense(4, activation="softmax")]
save(keras.Sequential([keras.Input((32, 3)), *chain]), "chain.keras")
save(keras.Sequential([keras.Input((12,)), layers.Dense(3)]), "plain.h5")
image = keras.Input((16, 16, 3))
x = short = layers.Conv2D(8, 3, padding="same")(image)
x = layers.SeparableConv2D(8, 3, padding="same")(layers.ReLU(6.0)(x))
x = layers.GlobalAveragePooling2D()(layers.Add()([x, short]))
inner = keras.Sequential([keras.Input((8,)), layers.Dense(6, activation="tanh")], name="inner")
save(keras.Model(image, layers.Dense(1, activation="sigmoid")(inner(x))), "branches.keras")
signal = keras.Input((20, 5))
scores = layers.Dense(3, activation="softmax")(layers.LSTM(8)(signal))
save(keras.Model(signal, scores), "lstm.keras")
twice = layers.Lambda(lambda x: x * 2, name="twice")
keras.Model(signal, twice(signal)).save(f"{folder}/lambda.keras")
keras.Model(signal, keras.ops.cumsum(signal)).save(f"{folder}/function.keras")
heads = [layers.Dense(3, name="a")(signal), layers.Dense(2, name="b")(signal)]
keras.Model(signal, heads).save(f"{folder}/two.keras")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras3")
    done = subprocess.run([sys.executable, "-c", PROGRAM, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


# Each needs a process of its own that imports Keras 3.
SLOW = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("chain.keras", "lstm.keras", "plain.h5")
]


@pytest.mark.parametrize("name", ["branches.keras", *SLOW])
def test_load_keras_file_computes_the_same_when_file_is_keras_3(keras, folder, name):
    from snugnet.models.loading.keras_files import load_keras_file

    model = load_keras_file(folder / name)
    assert isinstance(model, keras.tf_keras.Model)
    with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
        # Two libraries sum floats in another order: the results are not bit-exact.
        np.testing.assert_allclose(model(file["x"]).numpy(), file["y"], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lambda.keras", "layer 'twice': Lambda layers are not allowed"),
        ("function.keras", "the operation 'Cumsum' is not supported"),
        pytest.param(
            "two.keras", "2 outputs (a, b); only one is supported", marks=pytest.mark.slow
        ),
    ],
)
def test_load_keras_file_fails_when_keras_2_cannot_load_it(keras, folder, name, message):
    from snugnet.models.loading.keras_files import load_keras_file

    with pytest.raises(InputError) as error:
        load_keras_file(folder / name)
    assert message in str(error.value)
    assert name in str(error.value)


@pytest.mark.parametrize("form", ["h5", "keras", "saved_model"])
def test_load_keras_file_fails_when_model_contains_lambda(keras, tmp_path, form):
    """The file is refused by its description alone: its code would leave a mark."""
    from snugnet.models.loading.keras_files import load_keras_file

    path = foreign_models.save_model_file("with_lambda", form, tmp_path)
    with pytest.raises(InputError, match="'twice'"):
        load_keras_file(path)


@pytest.mark.parametrize("name", ["nothing.h5", "half.keras", "text.h5"])
def test_load_keras_file_fails_when_file_is_missing_or_damaged(keras, tmp_path, name):
    from snugnet.models.loading.keras_files import load_keras_file

    path = tmp_path / name
    content = foreign_models.save_model_file("conv1d", "keras", tmp_path).read_bytes()
    contents = {"half.keras": content[: len(content) // 2], "text.h5": b"model"}
    if name in contents:
        path.write_bytes(contents[name])
    with pytest.raises((InputError, FileNotFoundError), match=name):
        load_keras_file(path)
