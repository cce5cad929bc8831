"""Tests of the protection of a trained model against fine-tuning that makes it worse."""

import re

import numpy as np
import pytest

from snugnet.core.samples import Samples


@pytest.mark.parametrize("is_worse", [True, False])
def test_restore_if_worse_keeps_better_weights_when_trained(keras, capsys, is_worse):
    from snugnet.models.training.restore_if_worse import restore_if_worse

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [layers.Input((2,)), layers.Dense(2, activation="softmax", use_bias=False)]
    )
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    right, wrong = [4 * np.eye(2, dtype=np.float32)], [-4 * np.eye(2, dtype=np.float32)]
    start, trained = (right, wrong) if is_worse else (wrong, right)
    model.set_weights(trained)
    y = np.arange(6) % 2
    val = Samples(np.eye(2, dtype=np.float32)[y], y, ("a", "b"), "multiclass")
    loss = 4.0 if is_worse else 0.018
    history = [
        {"epoch": 1, "loss": 1 / 3, "val_loss": loss, "val_accuracy": 1 / 3, "learning_rate": 0.1}
    ]
    restore_if_worse(model, start, history, val, "loss")
    np.testing.assert_array_equal(model.get_weights()[0], right[0])
    assert re.search(
        r"^metrics before training: val_loss \d\.\d{4}, val_accuracy [01]\.0000; "
        rf"in the best epoch: val_loss {loss:.4f}, val_accuracy 0\.3333$",
        capsys.readouterr().out,
        re.MULTILINE,
    )
