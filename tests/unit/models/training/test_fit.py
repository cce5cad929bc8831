"""Tests of training and augmentation."""

import numpy as np
import pytest

from snugnet.core.settings.training import Augmentation
from snugnet.models.training.augment import augment
from tests.unit.conftest import INCEPTION, SHAPE, TRAINING, waves


def train(keras, settings: dict, task: str = "multiclass"):
    from snugnet.models.architectures import inception
    from snugnet.models.training.fit import fit

    keras.tf_keras.backend.clear_session()
    keras.tf_keras.utils.set_random_seed(1)
    samples = waves(task)
    parts = samples.take(np.arange(160)), samples.take(np.arange(160, 240))
    model = inception.build(INCEPTION, SHAPE, task, len(samples.class_names))
    history = fit(model, *parts, TRAINING.model_copy(update=settings), seed=1)
    return model, history, parts


def test_fit_gives_equal_weights_when_seeds_are_equal(keras):
    augmentation = Augmentation(roll=5, shift=(0, 2), gain=0.1, noise=0.1)
    settings = {"epochs": 2, "augment": augmentation}
    first, again = train(keras, settings)[0], train(keras, settings)[0]
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("monitor", ["loss", "accuracy", "auc"])
def test_fit_keeps_best_val_epoch_when_learning_rate_is_too_high(keras, monitor):
    # A learning rate that ruins the model again and again.
    settings = {"epochs": 6, "learning_rate": 0.5, "decay": "constant", "monitor": monitor}
    model, history, (_, val) = train(keras, settings, "multilabel")
    best = {"loss": min, "accuracy": max, "auc": max}[monitor]
    expected = best(row[f"val_{monitor}"] for row in history)
    result = model.evaluate(val.x, val.y, verbose=0, return_dict=True)
    assert result[monitor] == pytest.approx(expected, rel=1e-5)


def test_fit_stops_when_val_does_not_improve(keras):
    settings = {"epochs": 50, "learning_rate": 1.0, "decay": "constant", "patience": 2}
    _, history, _ = train(keras, settings)
    assert len(history) < 50


def test_fit_lowers_learning_rate_when_decay_is_cosine(keras):
    _, history, _ = train(keras, {"epochs": 4, "learning_rate": 0.01})
    rates = [row["learning_rate"] for row in history]
    assert rates == pytest.approx([0.01, 0.01 * 0.853553, 0.005, 0.01 * 0.146447], rel=1e-4)


def test_fit_improves_val_accuracy_when_classes_are_separable(trained):
    assert trained.history[-1]["val_accuracy"] > trained.history[0]["accuracy"]
    assert trained.history[-1]["val_accuracy"] > 0.6


def test_sample_weights_balance_classes_when_one_is_rare():
    from snugnet.models.training.fit import _compute_sample_weights

    samples = waves("multiclass")
    first, second = (np.flatnonzero(samples.y == label) for label in (0, 1))
    samples = samples.take(np.concatenate([first[:60], second[:15]]))
    weights = _compute_sample_weights(samples)
    sums = [weights[samples.y == label].sum() for label in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])
    rare = waves("multilabel")
    rare.y[:, 2] = np.arange(240) < 5
    weights = _compute_sample_weights(rare)
    assert weights[:5].min() > weights[5:].max()


def batch() -> np.ndarray:
    return np.arange(2 * 3 * 8, dtype=np.float32).reshape(2, 3, 8, 1)


def test_augment_changes_nothing_when_settings_are_zero():
    x = augment(batch(), Augmentation(), np.random.default_rng(0))
    np.testing.assert_array_equal(x, batch())


def test_augment_rolls_rows_equally_when_roll_is_set():
    rolled = augment(batch(), Augmentation(roll=8), np.random.default_rng(0))
    for before, after in zip(batch(), rolled, strict=True):
        offsets = [k for k in range(8) if np.array_equal(np.roll(before, k, axis=1), after)]
        assert len(offsets) == 1
    assert not np.array_equal(rolled, batch())


def test_augment_fills_with_zeros_when_shift_is_set():
    for seed in range(20):
        shifted = augment(batch() + 1, Augmentation(shift=(1, 2)), np.random.default_rng(seed))
        for before, after in zip(batch() + 1, shifted, strict=True):
            offsets = [
                (rows, columns)
                for rows in (-1, 0, 1)
                for columns in (-2, -1, 0, 1, 2)
                if np.array_equal(after, moved(before, rows, columns))
            ]
            assert len(offsets) == 1


def moved(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    out = np.zeros_like(x)
    height, width, _ = x.shape
    for i in range(height):
        for j in range(width):
            if 0 <= i - rows < height and 0 <= j - columns < width:
                out[i, j] = x[i - rows, j - columns]
    return out


def test_augment_keeps_dtype_when_gain_and_noise_are_set():
    x = augment(batch(), Augmentation(gain=0.1, noise=0.5), np.random.default_rng(0))
    assert x.dtype == np.float32
    assert 0 < np.abs(x - batch()).max() < 20
