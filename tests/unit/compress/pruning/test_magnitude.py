"""Tests of magnitude pruning."""

import numpy as np
import pytest

from snugnet.core.settings.magnitude_pruning import MagnitudePruningSettings
from tests.unit.conftest import TRAINING

SETTINGS = MagnitudePruningSettings(
    target=0.65, ramp_epochs=3, training=TRAINING.model_copy(update={"epochs": 5})
)


@pytest.fixture
def parts(trained):
    samples = trained.samples
    return samples.take(np.arange(160)), samples.take(np.arange(160, 240))


@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
def test_magnitude_pruning_reaches_target_when_schedule_differs(trained, parts, schedule):
    from snugnet.compress.pruning.magnitude import (
        compress,
        compute_sparsities,
        list_prunable_layers,
    )

    settings = SETTINGS.model_copy(update={"schedule": schedule, "layers": {"scores": 0}})
    sparse, history = compress(trained.model, *parts, settings, seed=1)
    sparsities = compute_sparsities(sparse)
    assert set(sparsities) == set(list_prunable_layers(trained.model))
    assert sparsities.pop("scores") < 0.1
    for name, share in sparsities.items():
        size = sparse.get_layer(name).get_weights()[0].size
        assert share >= (0.65 * size - 1) / size, name
        assert share <= (0.65 * size + 1) / size, name
    assert [w.shape for w in sparse.get_weights()] == [w.shape for w in trained.model.get_weights()]
    assert len(history) == 5


def test_magnitude_pruning_keeps_sparse_epoch_when_dense_is_best(trained, parts):
    from snugnet.compress.pruning.magnitude import compress, compute_sparsities

    before = [w.copy() for w in trained.model.get_weights()]
    # So fast a rate that the first epochs are the best: they are dense.
    training = SETTINGS.training.model_copy(update={"learning_rate": 0.3})
    settings = SETTINGS.model_copy(update={"training": training})
    sparse, _ = compress(trained.model, *parts, settings, seed=1)
    for ours, theirs in zip(before, trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert min(compute_sparsities(sparse).values()) > 0.5


def test_magnitude_pruning_fails_when_layer_or_ramp_is_wrong(trained, parts):
    from snugnet.compress.pruning.magnitude import compress
    from snugnet.core.errors import InputError

    with pytest.raises(InputError, match=r"layers: nobody cannot be pruned; allowed: .*scores"):
        settings = SETTINGS.model_copy(update={"layers": {"nobody": 0.5}})
        compress(trained.model, *parts, settings, seed=1)
    with pytest.raises(InputError, match=r"ramp_epochs: 5 must be less than training\.epochs"):
        compress(trained.model, *parts, SETTINGS.model_copy(update={"ramp_epochs": 5}), seed=1)
