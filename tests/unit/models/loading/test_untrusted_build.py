"""Tests of Keras files that would take much time or memory to build or to run."""

import json
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snugnet.core.budget import Budget, BudgetError
from snugnet.core.errors import InputError
from tests.checkpoint_index import read_index, write_index
from tests.unit.models.loading.test_keras_files import edit_h5, load

SMALL = Budget(seconds=8, bytes_held=600 << 20)


@pytest.fixture
def build(keras, tmp_path) -> Callable[..., Path]:
    """Save a model of some layers, whose input has a shape, and change its description."""

    def run(shape: tuple[int, ...], *layers: Any, change: Any = None) -> Path:
        inputs = keras.tf_keras.layers.Input(shape, name="input")
        x = inputs
        for layer in layers:
            x = layer(x)
        path = tmp_path / "model.h5"
        keras.tf_keras.Model(inputs, x).save(path)
        if change is not None:
            edit_h5(path, change)
        return path

    return run


def change_last(**settings: Any) -> Callable[[dict], None]:
    """Return a function that changes settings of the last layer of a description."""

    def change(description: dict) -> None:
        description["config"]["layers"][-1]["config"] |= settings

    return change


def repeat_calls(description: dict) -> None:
    layer = description["config"]["layers"][-1]
    layer["inbound_nodes"] = layer["inbound_nodes"] * 30_000


def add_inputs(description: dict) -> None:
    layer = description["config"]["layers"][-1]
    layer["inbound_nodes"] = [[["input", 0, 0, {}]] * 5000]


def tile_constant(description: dict) -> None:
    layer = description["config"]["layers"][-1]
    layer["inbound_nodes"] = [[["_CONSTANT_VALUE", -1, [1.0], {"multiples": [10**9]}]]]


def test_load_keras_file_fails_when_layer_is_called_too_often(keras, build):
    path = build((4,), keras.tf_keras.layers.Activation("relu"), change=repeat_calls)
    with pytest.raises(InputError, match=r"calls layers 30,001 times; the maximum is 20,000"):
        load(path)


def test_load_keras_file_fails_when_layer_has_too_many_inputs(keras, build):
    path = build((4,), keras.tf_keras.layers.Activation("relu"), change=add_inputs)
    with pytest.raises(InputError, match="called with more than 1,000 tensors"):
        load(path)


def test_load_keras_file_fails_when_function_has_constants_only(keras, build):
    path = build((4,), lambda x: keras.tf.tile(x, [1, 2]), change=tile_constant)
    with pytest.raises(InputError, match="called with constants only"):
        load(path)


def test_load_keras_file_fails_when_submodels_are_nested_deeply(keras, tmp_path):
    tf_keras = keras.tf_keras
    model = tf_keras.Sequential([tf_keras.layers.Input((4,)), tf_keras.layers.Dense(4)])
    for _ in range(9):
        inputs = tf_keras.layers.Input((4,))
        model = tf_keras.Model(inputs, model(model(inputs)))
    model.save(tmp_path / "model.h5")
    with pytest.raises(InputError, match="models within models have more than 8 levels"):
        load(tmp_path / "model.h5")


@pytest.mark.parametrize("is_started", [True, False])
def test_load_keras_file_fails_when_layer_repeats_too_often(keras, build, monkeypatch, is_started):
    """The trial is a fork, or another program if TensorFlow has run an operator."""
    from snugnet.models.loading import untrusted_build

    monkeypatch.setattr(untrusted_build, "has_run_operators", lambda: is_started)
    upsample = keras.tf_keras.layers.UpSampling1D(2)
    path = build((9, 4), upsample, change=change_last(size=10**8))
    with pytest.raises(BudgetError, match=r"building the model .* multiply the limits by 10"):
        load(path, budget=SMALL)


def test_load_keras_file_fails_when_many_steps_are_unrolled(keras, build):
    path = build((10**6, 1), keras.tf_keras.layers.SimpleRNN(2), change=change_last(unroll=True))
    # A fast machine uses up the memory first, which may crash TensorFlow.
    with pytest.raises(InputError, match=r"building the model"):
        load(path, budget=SMALL)


def test_load_keras_file_fails_when_outputs_exceed_the_budget(keras, build):
    path = build((4,), keras.tf_keras.layers.RepeatVector(2), change=change_last(n=4 * 10**8))
    with pytest.raises(InputError, match=r"up to layer 'repeat_vector.*' needs 6\.0 GiB of memory"):
        load(path)


def test_load_keras_file_fails_when_work_exceeds_the_budget(keras, build):
    layer = keras.tf_keras.layers.Conv1D(64, 9, padding="same")
    path = build((10**6, 64), layer)
    with pytest.raises(BudgetError, match=r"36,.* multiply-accumulates; the limit is 4,000"):
        load(path)


def test_load_keras_file_fails_when_attention_exceeds_the_budget(keras, tmp_path):
    layers = keras.tf_keras.layers
    inputs = layers.Input((10**5, 2))
    model = keras.tf_keras.Model(inputs, layers.Attention()([inputs, inputs]))
    model.save(tmp_path / "model.h5")
    with pytest.raises(InputError, match=r"'attention.*' needs .* GiB of memory"):
        load(tmp_path / "model.h5")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_load_keras_file_fails_when_compression_has_no_limit(tmp_path, method):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in ("config.json", "metadata.json", "model.weights.h5"):
            archive.writestr(name, json.dumps({"keras_version": "2.19.0"}))
    with pytest.raises(InputError, match=rf"compressed with method {method}; only deflate"):
        load(path)


def test_is_quick_returns_false_when_layer_works_piece_by_piece(keras, build):
    from snugnet.models.loading.untrusted_build import is_quick, prepare_build

    layers = keras.tf_keras.layers
    path = build((8, 4), layers.LSTM(3))
    assert is_quick(prepare_build(path, None, SMALL).network)
    for layer in (layers.LSTM(3, unroll=True), layers.UpSampling1D(2)):
        assert not is_quick(prepare_build(build((8, 4), layer), None, SMALL).network)


def make_negative_shape(folder: Path) -> None:
    """Give each tensor in the checkpoint of a SavedModel a negative dimension."""
    from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto

    index = folder / "variables/variables.index"
    entries = read_index(index)
    for name, content in entries.items():
        entry = BundleEntryProto.FromString(content)
        if name and entry.shape.dim:
            entry.shape.dim[0].size = -5
            entries[name] = entry.SerializeToString()
    write_index(index, entries)


@pytest.mark.parametrize("is_started", [True, False])
def test_load_keras_file_fails_when_checkpoint_aborts(keras, tmp_path, monkeypatch, is_started):
    """TensorFlow aborts the process at negative dimensions in the index of a checkpoint."""
    from snugnet.models.loading import untrusted_build

    layers = keras.tf_keras.layers
    keras.tf_keras.Sequential([layers.Input((4,)), layers.Dense(2)]).save(tmp_path / "saved")
    make_negative_shape(tmp_path / "saved")
    monkeypatch.setattr(untrusted_build, "has_run_operators", lambda: is_started)
    with pytest.raises(InputError, match=r"building the model crashes with SIGABRT: the file is"):
        load(tmp_path / "saved")


def test_load_keras_file_names_the_budget_when_memory_ends(build, keras, monkeypatch):
    from snugnet.models.loading import keras_files

    def use_up_memory(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(keras_files, "load_weights", use_up_memory)
    with pytest.raises(BudgetError, match=r"needs more memory than there is.*--budget 10"):
        load(build((4,), keras.tf_keras.layers.Dense(2)))


@pytest.mark.parametrize(
    "initializer",
    [
        {"class_name": "GlorotUniform", "config": {"seed": [2, 1, 0]}},
        {"class_name": "GlorotUniform", "config": {"seed": 0.5}},
        {"class_name": "RandomNormal", "config": {"stddev": "a"}},
        {"class_name": "VarianceScaling", "config": {"mode": "fan_x"}},
    ],
)
def test_load_keras_file_drops_initializer_when_it_cannot_draw(keras, build, initializer):
    from snugnet.models.loading.copy_model import copy_architecture

    change = change_last(kernel_initializer=initializer)
    model = load(build((4,), keras.tf_keras.layers.Dense(2), change=change))
    assert copy_architecture(model).output_shape == (None, 2)


def test_load_keras_file_gives_copyable_model_when_it_slices(keras, build):
    from snugnet.models.loading.copy_model import copy_architecture, copy_weights

    layers = keras.tf_keras.layers
    model = load(build((6, 4), layers.Dense(3), lambda x: x[:, 1:3], layers.Flatten()))
    copy = copy_architecture(model)
    copy_weights(model, copy)
    x = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float32)
    np.testing.assert_array_equal(copy(x), model(x))


def test_load_keras_file_fails_when_type_is_complex(keras, build):
    path = build((4,), keras.tf_keras.layers.Dense(2), change=change_last(dtype="complex128"))
    with pytest.raises(InputError, match="complex numbers are not supported"):
        load(path)


def test_load_keras_file_fails_when_array_exceeds_all_weights(keras, build, monkeypatch):
    from snugnet.models.loading import load_weights

    monkeypatch.setattr(load_weights, "HARMLESS_SIZE", 8)
    path = build((4,), keras.tf_keras.layers.Dense(2, name="last"))
    with h5py.File(path, "r+") as file:
        del file["model_weights/last/last/kernel:0"]
        file["model_weights/last/last/kernel:0"] = np.zeros((30, 10), np.float32)
    with pytest.raises(InputError, match=r"shape \[30, 10\]; the largest weight has 8 elements"):
        load(path)


def test_load_keras_file_counts_submodel_when_input_has_no_size(keras, tmp_path):
    layers = keras.tf_keras.layers
    inner = keras.tf_keras.Sequential([layers.Input((None, None, 1)), layers.UpSampling2D(100)])
    inputs = layers.Input((400, 400, 1))
    outputs = layers.GlobalAveragePooling2D()(inner(inputs))
    keras.tf_keras.Model(inputs, outputs).save(tmp_path / "m.h5")
    with pytest.raises(BudgetError, match=r"needs .* memory"):
        load(tmp_path / "m.h5")


GATE = """
from pathlib import Path

import tensorflow as tf
import tf_keras


class Gate(tf_keras.layers.Layer):
    def call(self, x):
        factor = float((Path(__file__).parent / "factor.txt").read_text())
        if tf.reduce_sum(x) > 0:
            x = factor * x
        return x
"""
TRY = """
import sys
from pathlib import Path
from snugnet.core.budget import DEFAULT_BUDGET
from snugnet.models.loading.keras2 import has_run_operators
from snugnet.models.loading.untrusted_build import prepare_build, try_build
path, code = map(Path, sys.argv[1:])
assert not has_run_operators()
try_build(prepare_build(path, code, DEFAULT_BUDGET), code)
"""


def test_try_build_passes_when_layer_reads_its_source_and_data(keras, tmp_path):
    """AutoGraph reads the source of a layer that has conditions."""
    (tmp_path / "factor.txt").write_text("3")
    code, path = tmp_path / "mine.py", tmp_path / "model.h5"
    code.write_text(GATE)
    names = runpy.run_path(str(code))
    tf_keras = keras.tf_keras
    model = tf_keras.Sequential([tf_keras.layers.Input((4,)), names["Gate"](name="gate")])
    model.save(path)
    # In a process of its own: in this one, TensorFlow has run operators.
    command = [sys.executable, "-c", TRY, path, code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
