"""Tests of the architectures, of saved models and of model statistics."""

import json
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import yaml

from snugnet.config.study import Study
from snugnet.core.errors import InputError
from tests.paths import ROOT

# The shapes and tasks of the default study.
INPUTS = {
    "digits": ((8, 8, 1), "multiclass", 10),
    "mnist": ((28, 28, 1), "multiclass", 10),
    "synthetic_imu": ((100, 6, 1), "multiclass", 6),
    "digits_uint8": ((8, 8, 1), "multiclass", 10),
    "synthetic_imu_uint8": ((100, 6, 1), "multiclass", 6),
    "synthetic_beats": ((1, 320, 1), "multiclass", 5),
    "synthetic_beats_binary": ((1, 320, 1), "binary", 2),
    "synthetic_beats_uint8": ((16, 20, 1), "multiclass", 5),
    "synthetic_ecg12": ((12, 1000, 1), "multilabel", 5),
}


def default_models() -> dict:
    study = Study(yaml.safe_load((ROOT / "config.yaml").read_text()))
    return study.config.to_json()["models"]


def build(settings: dict):
    shape, task, classes = INPUTS[settings["dataset"]]
    module = import_module(f"snugnet.models.architectures.{settings['architecture']}")
    return module.build(module.SETTINGS.from_block(settings), shape, task, classes)


@pytest.fixture(scope="module")
def models(keras) -> dict:
    return {name: build(settings) for name, settings in default_models().items()}


def test_default_models_equal_design_when_study_has_no_overlay(models):
    expected = (
        "smartwatch_lean smartwatch_fat bspc_lean bspc_fat bspc_gap_lean bspc_gap_fat "
        "ecg_inception ecg_akida mnist_fc mnist_cnn digits_fc digits_cnn ecg_binary "
        "smartwatch_akida digits_akida"
    )
    assert set(models) == set(expected.split())


def test_output_layer_is_softmax_only_when_task_is_multiclass(models):
    for name, settings in default_models().items():
        _, task, classes = INPUTS[settings["dataset"]]
        last = models[name].layers[-1]
        assert models[name].output_shape == (None, 1 if task == "binary" else classes)
        assert last.activation.__name__ == ("softmax" if task == "multiclass" else "sigmoid")


def test_saved_model_predicts_the_same_when_process_is_new(models, tmp_path):
    from snugnet.models.loading.storage import save_model

    rng = np.random.default_rng(0)
    for name, model in models.items():
        # Weights as if trained: the running statistics of batch normalization too.
        model.set_weights([rng.normal(0.1, 0.1, w.shape) ** 2 for w in model.get_weights()])
        save_model(model, tmp_path / f"{name}.h5")
        x = rng.normal(0, 1, (4, *model.input_shape[1:])).astype(np.float32)
        np.savez(tmp_path / f"{name}.npz", x=x, y=model.predict(x, verbose=0))
    program = f"""
import json, numpy as np
from pathlib import Path
from snugnet.models.loading import keras2
from snugnet.models.loading.storage import load_model
keras2.configure(seed=1, threads=1)
worst = {{}}
for path in Path({str(tmp_path)!r}).glob("*.h5"):
    arrays = np.load(path.with_suffix(".npz"), allow_pickle=False)
    y = load_model(path).predict(arrays["x"], verbose=0)
    worst[path.stem] = float(abs(y - arrays["y"]).max())
print(json.dumps(worst))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == dict.fromkeys(models, 0.0)


def test_compute_stats_equals_formula_when_layer_sizes_are_known(models):
    from snugnet.models.stats import compute_stats

    counted = compute_stats(models["digits_fc"])
    # 64 -> 128 -> 64 -> 10.
    assert counted.macs == 64 * 128 + 128 * 64 + 64 * 10
    assert counted.parameters == counted.macs + 128 + 64 + 10
    inception = models["ecg_inception"]
    assert compute_stats(inception).parameters == inception.count_params()
    convolution = compute_stats(models["digits_cnn"]).layers[0]
    assert convolution.macs == 3 * 3 * 1 * 16 * 8 * 8


def test_inception_has_few_parameters_when_settings_are_default(models):
    assert 6000 < models["ecg_inception"].count_params() < 7500


def test_load_model_fails_when_file_contains_lambda(keras, tmp_path):
    from snugnet.models.loading.storage import load_model

    layers = keras.tf_keras.layers
    inner = keras.tf_keras.Sequential([layers.InputLayer((4,)), layers.Lambda(lambda x: x)])
    outer = keras.tf_keras.Sequential([layers.InputLayer((4,)), inner, layers.Dense(1)])
    for name, model in {"plain": inner, "nested": outer}.items():
        model.save(tmp_path / f"{name}.h5", save_format="h5")
        with pytest.raises(InputError, match="unsupported layer class 'Lambda'"):
            load_model(tmp_path / f"{name}.h5")


def test_load_model_fails_when_lambda_is_wrapped(keras, tmp_path):
    from snugnet.models.loading.storage import load_model

    layers = keras.tf_keras.layers
    wrapped = layers.TimeDistributed(layers.Lambda(lambda x: x))
    model = keras.tf_keras.Sequential([layers.InputLayer((4, 3)), wrapped])
    model.save(tmp_path / "model.h5", save_format="h5")
    with pytest.raises(InputError, match="unsupported layer class"):
        load_model(tmp_path / "model.h5")


@pytest.mark.parametrize("content", [b"", b"not hdf5", None])
def test_load_model_fails_when_file_is_not_a_model(tmp_path, content):
    from snugnet.models.loading.storage import load_model

    path = tmp_path / "model.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.h5: not a Keras"):
        load_model(path)


def test_compute_stats_is_equal_when_convolution_is_split(keras):
    from snugnet.compress.graph.canonicalize import canonicalize
    from snugnet.models.stats import compute_stats

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((12, 3)),
            layers.SeparableConv1D(5, 3, strides=2, padding="same", depth_multiplier=2),
            layers.DepthwiseConv1D(3),
            layers.Reshape((2, 2, 5)),
            layers.SeparableConv2D(4, 2),
        ]
    )
    stats = compute_stats(model)
    assert stats.macs == 6 * 6 * (3 + 5) + 4 * 5 * 3 + 1 * 5 * (4 + 4)
    assert stats.macs == compute_stats(canonicalize(model)).macs
