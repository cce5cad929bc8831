"""Tests of the predictions that are computed from potentials."""

import numpy as np
import pytest

from snugnet.akida.potentials import build_empty_predictions, build_predictions
from snugnet.core.samples import Samples

POTENTIALS = np.array([[4, -2], [-8, 6]], np.int32)


def samples(task: str, classes: tuple[str, ...], y) -> Samples:
    return Samples(np.zeros((2, 4, 4, 1), np.uint8), np.array(y), classes, task)


def test_predictions_equal_softmax_when_head_is_softmax():
    test = samples("multiclass", ("a", "b"), [0, 1])
    predictions = build_predictions(
        POTENTIALS, {"potential_scale": [0.5, 0.25], "head": "softmax"}, test
    )
    real = POTENTIALS * [0.5, 0.25]
    expected = np.exp(real) / np.exp(real).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predictions.scores, expected, rtol=1e-6)
    assert predictions.compute_correctness().tolist() == [True, True]


def test_predictions_use_scale_of_each_output_when_scales_differ():
    test = samples("multiclass", ("a", "b"), [1, 1])
    predictions = build_predictions(
        np.array([[5, 3], [5, 3]]), {"potential_scale": [0.1, 1.0], "head": "softmax"}, test
    )
    assert predictions.decide().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("task", "classes", "y", "potentials", "decisions"),
    [
        ("binary", ("no", "yes"), [1, 0], POTENTIALS[:, :1], [1, 0]),
        ("multilabel", ("a", "b"), [[1, 0], [0, 1]], POTENTIALS, [[1, 0], [0, 1]]),
    ],
)
def test_predictions_decide_at_zero_when_head_is_sigmoid(task, classes, y, potentials, decisions):
    conversion = {"potential_scale": [0.5] * potentials.shape[1], "head": "sigmoid"}
    predictions = build_predictions(
        potentials, conversion, samples(task, classes, np.array(y, np.uint8))
    )
    np.testing.assert_allclose(predictions.scores, 1 / (1 + np.exp(-potentials * 0.5)), rtol=1e-6)
    assert predictions.decide().astype(int).tolist() == decisions


def test_empty_predictions_have_no_rows_when_samples_exist():
    predictions = build_empty_predictions(samples("multiclass", ("a", "b"), [0, 1]))
    assert predictions.scores.shape == (0, 2)
    assert len(predictions.labels) == 0
