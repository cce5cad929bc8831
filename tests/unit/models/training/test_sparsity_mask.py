"""Tests of zero weights that stay zero in later training."""

import numpy as np
import pytest

from snugnet.core.settings.factorization import FactorizationSettings, LayerFactorization
from snugnet.core.settings.fine_tuning import FineTuningSettings
from tests.unit.compress.pruning.test_structured import PRUNING
from tests.unit.conftest import TRAINING, waves

SHORT = TRAINING.model_copy(update={"epochs": 2})


@pytest.fixture
def sparse(keras):
    """Two thirds of each kernel are zero."""
    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential(
        [
            layers.Input((1, 64, 1)),
            layers.Conv2D(16, (1, 5), activation="relu", name="a"),
            layers.Conv2D(24, (1, 5), activation="relu", name="b"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(64, activation="relu", name="c"),
            layers.Dense(3, activation="softmax", name="scores"),
        ]
    )
    rng = np.random.default_rng(1)
    for name in ("a", "b", "c", "scores"):
        kernel, bias = model.get_layer(name).get_weights()
        kernel[rng.random(kernel.shape) < 2 / 3] = 0
        model.get_layer(name).set_weights([kernel, bias])
    return model


def zeros(model, name: str) -> float:
    return float(np.mean(model.get_layer(name).get_weights()[0] == 0))


def test_finetune_keeps_zeros_when_parent_is_sparse(sparse):
    from snugnet.compress.finetune import compress

    before = {name: sparse.get_layer(name).get_weights()[0].copy() for name in ("a", "b")}
    settings = FineTuningSettings(training=SHORT)
    tuned, _ = compress(sparse, waves("multiclass"), waves("multiclass"), settings, 1)
    for name, kernel in before.items():
        after = tuned.get_layer(name).get_weights()[0]
        np.testing.assert_array_equal(after == 0, kernel == 0)
        assert (after != kernel).any()


def test_structured_pruning_keeps_zeros_when_parent_is_sparse(sparse):
    from snugnet.compress.pruning.structured import compress

    settings = PRUNING.model_copy(update={"target": 0.25, "training": SHORT})
    pruned, _ = compress(sparse, waves("multiclass"), waves("multiclass"), settings, 1)
    # Filters of few zeros have the larger norms, so that somewhat fewer are left; not none.
    assert min(zeros(pruned, name) for name in "abc") > 0.4


def test_factorize_keeps_zeros_of_other_layers_when_present(sparse):
    from snugnet.compress.lowrank.factorize import compress

    layers = {"scores": LayerFactorization(method="svd", rank=2)}
    settings = FactorizationSettings(layers=layers, training=SHORT)
    lowrank, _ = compress(sparse, waves("multiclass"), waves("multiclass"), settings, 1)
    for name in ("a", "b"):
        assert zeros(lowrank, name) == zeros(sparse, name)
