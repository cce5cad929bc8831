"""Tests of pooling the predictions of a cross-validation."""

import numpy as np

from snugnet.core.predictions import Predictions
from snugnet.evaluation.folds import pool_predictions

LATENCY = np.array([5, 6])


def fold(n: int, first: int, group: bool = True) -> Predictions:
    scores = np.arange(first, first + 2 * n, dtype=np.float32).reshape(n, 2)
    return Predictions(
        scores=scores,
        labels=np.arange(first, first + n) % 2,
        group=np.full(n, first) if group else None,
        raw=np.zeros((n, 2), np.int8),
        scale=0.5,
        zero_point=3,
        latency_ns=np.array([1]),
        task="multiclass",
        class_names=("a", "b"),
    )


def test_pool_joins_samples_in_order_when_folds_differ_in_size():
    pooled = pool_predictions([fold(3, 0), fold(2, 10)], LATENCY)
    assert pooled.scores[:, 0].tolist() == [0, 2, 4, 10, 12]
    assert pooled.labels.tolist() == [0, 1, 0, 0, 1]
    assert pooled.group.tolist() == [0, 0, 0, 10, 10]
    assert pooled.latency_ns is LATENCY


def test_pool_has_scores_as_raw_when_quantizations_may_differ():
    pooled = pool_predictions([fold(3, 0), fold(2, 10)], LATENCY)
    np.testing.assert_array_equal(pooled.raw, pooled.scores)
    assert (pooled.scale, pooled.zero_point) == (1.0, 0)


def test_pool_has_no_groups_when_folds_have_none():
    assert pool_predictions([fold(3, 0, group=False)], LATENCY).group is None


def test_pool_is_empty_when_a_fold_has_no_predictions():
    assert len(pool_predictions([fold(3, 0), fold(0, 10)], LATENCY).labels) == 0
