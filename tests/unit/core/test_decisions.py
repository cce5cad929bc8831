"""Tests of decisions from the outputs of a model."""

import numpy as np
import pytest

from snugnet.core.decisions import decide
from snugnet.core.tasks import LOGIT_THRESHOLD, PROBABILITY_THRESHOLD

RNG = np.random.default_rng(0)


def check(decisions: np.ndarray, expected: object, dtype: type) -> None:
    np.testing.assert_array_equal(decisions, expected)
    assert decisions.shape == np.shape(expected)
    assert decisions.dtype == dtype


def test_decide_returns_largest_score_when_multiclass():
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [-9.0, -8.0, -7.5]], np.float32)
    for threshold in (0.0, 0.5):  # it has no meaning here
        check(decide(scores, "multiclass", threshold), [1, 0, 2], np.int64)


def test_decide_returns_first_class_when_scores_are_equal():
    check(decide(np.full((2, 3), 0.25, np.float32), "multiclass"), [0, 0], np.int64)


def test_decide_accepts_raw_outputs_when_multiclass():
    raw = np.array([[-128, 127, 0], [5, 4, 3]], np.int8)
    check(decide(raw, "multiclass"), [1, 0], np.int64)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(PROBABILITY_THRESHOLD, [0, 0, 0, 1, 1]), (LOGIT_THRESHOLD, [0, 1, 1, 1, 1])],
)
def test_decide_uses_threshold_when_binary(threshold, expected):
    scores = np.array([[-0.1], [0.0], [0.49], [0.5], [3.0]], np.float32)
    check(decide(scores, "binary", threshold), expected, np.int64)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (PROBABILITY_THRESHOLD, [[1, 0, 0], [0, 0, 1]]),
        (LOGIT_THRESHOLD, [[1, 0, 1], [0, 1, 1]]),
    ],
)
def test_decide_uses_threshold_when_multilabel(threshold, expected):
    scores = np.array([[0.5, -2.0, 0.2], [-0.01, 0.0, 9.0]], np.float32)
    check(decide(scores, "multilabel", threshold), expected, np.uint8)


def test_decide_uses_probabilities_when_no_threshold_is_given():
    scores = np.array([[0.3], [0.7]], np.float32)
    check(decide(scores, "binary"), [0, 1], np.int64)


@pytest.mark.parametrize("positions", [(7,), (3, 4)])
def test_decide_returns_class_of_positions_when_segmented(positions):
    scores = RNG.normal(size=(5, *positions, 3)).astype(np.float32)
    for threshold in (0.0, 0.5):
        expected = scores.argmax(axis=-1)
        check(decide(scores, "segmentation", threshold), expected, np.int64)


@pytest.mark.parametrize("threshold", [LOGIT_THRESHOLD, PROBABILITY_THRESHOLD])
@pytest.mark.parametrize("positions", [(7,), (3, 4)])
def test_decide_uses_threshold_when_one_class_is_segmented(positions, threshold):
    scores = RNG.normal(size=(5, *positions, 1)).astype(np.float32)
    expected = scores[..., 0] >= threshold
    assert expected.any() and not expected.all()
    check(decide(scores, "segmentation", threshold), expected, np.int64)


def test_decide_returns_positive_when_score_equals_threshold():
    """A threshold that float32 cannot represent is rounded as the scores are."""
    score = np.float32(0.3)
    check(decide(np.array([[score]]), "binary", 0.3), [1], np.int64)
