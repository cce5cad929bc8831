"""Tests of the import of trained models."""

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.core.settings.architectures.pretrained import File


def save(model, folder) -> File:
    path = folder / "model.h5"
    model.save(path, include_optimizer=False)
    return File(file=str(path))


def samples(classes: int = 3) -> Samples:
    x = np.random.default_rng(1).normal(size=(6, 8, 1)).astype(np.float32)
    names = tuple("abcd"[:classes])
    return Samples(x, np.arange(6) % classes, names, "multiclass")


def network(layers, models):
    inputs = layers.Input((8, 1))
    x = layers.Conv1D(4, 3, name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Flatten(name="flatten")(layers.ReLU(name="relu")(x))
    return models.Model(inputs, layers.Dense(3, activation="softmax", name="scores")(x))


def test_import_model_returns_canonical_form_when_it_exists(keras, tmp_path):
    from snugnet.compress.graph.canonicalize import canonicalize
    from snugnet.compress.import_model import import_model

    model = network(keras.tf_keras.layers, keras.tf_keras)
    imported = import_model(save(model, tmp_path), samples())
    expected = canonicalize(model)
    assert [type(layer) for layer in imported.layers] == [type(layer) for layer in expected.layers]
    x = samples().x
    np.testing.assert_allclose(
        imported.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5
    )


def test_import_model_keeps_form_when_canonical_form_is_missing(
    keras, tmp_path, monkeypatch, capsys
):
    from snugnet.compress import import_model as module

    def refuse(model):
        raise InputError("layer conv is shared")

    monkeypatch.setattr(module, "canonicalize", refuse)
    model = network(keras.tf_keras.layers, keras.tf_keras)
    imported = module.import_model(save(model, tmp_path), samples())
    assert [layer.name for layer in imported.layers] == [layer.name for layer in model.layers]
    assert capsys.readouterr().out == (
        "warning: the model cannot have variants: layer conv is shared\n"
    )


def test_import_model_fails_when_model_does_not_fit_dataset(keras, tmp_path):
    from snugnet.compress.import_model import import_model

    model = network(keras.tf_keras.layers, keras.tf_keras)
    with pytest.raises(InputError, match="3 outputs, but the dataset has 4 classes"):
        import_model(save(model, tmp_path), samples(classes=4))
