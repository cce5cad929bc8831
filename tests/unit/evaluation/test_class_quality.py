"""Tests of precision and recall of each class against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from snugnet.core.predictions import Predictions
from snugnet.evaluation.class_quality import ClassQuality, are_unbalanced, measure_classes


def make_predictions(
    task: str,
    labels: np.ndarray,
    scores: np.ndarray,
    names: tuple[str, ...],
    threshold: float = 0.5,
) -> Predictions:
    scores = np.asarray(scores, np.float32)
    return Predictions(
        scores=scores,
        labels=np.asarray(labels),
        group=None,
        raw=scores,
        scale=1.0,
        zero_point=0,
        latency_ns=np.zeros(0, np.int64),
        task=task,
        class_names=names,
        threshold=threshold,
    )


def of_labels(labels: list[int], names: tuple[str, ...] = ("a", "b", "c")) -> Predictions:
    """Make right predictions of labels."""
    return make_predictions("multiclass", np.array(labels), np.eye(len(names))[labels], names)


def draw(task: str, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    n = 80
    if task == "multiclass":
        y = rng.choice(4, n, p=[0.6, 0.2, 0.15, 0.05])
        return make_predictions(task, y, rng.normal(size=(n, 4)) + 2 * np.eye(4)[y], tuple("NSVF"))
    if task == "binary":
        y = rng.integers(0, 2, n)
        scores = rng.normal(size=(n, 1)) + y[:, np.newaxis] - 0.5
        return make_predictions(task, y, scores, ("no", "yes"), 0.0)
    if task == "multilabel":
        y = (rng.random((n, 3)) < (0.5, 0.3, 0.1)).astype(np.uint8)
        return make_predictions(task, y, rng.random((n, 3)) * 0.6 + 0.4 * y, ("a", "b", "c"))
    y = rng.integers(0, 3, (n, 5))
    scores = rng.normal(size=(n, 5, 3)) + np.eye(3)[y]
    return make_predictions(task, y, scores, ("background", "P", "QRS"))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel", "segmentation"])
def test_classes_equal_sklearn_when_task_has_classes(task, seed):
    predictions = draw(task, seed)
    classes = measure_classes(predictions)
    assert tuple(entry.name for entry in classes) == predictions.class_names
    truth, decided = predictions.labels, predictions.decide()
    for k, entry in enumerate(classes):
        is_true = truth[:, k] == 1 if task == "multilabel" else truth.ravel() == k
        is_decided = decided[:, k] == 1 if task == "multilabel" else decided.ravel() == k
        assert entry.n == is_true.sum()
        assert entry.precision == pytest.approx(precision_score(is_true, is_decided))
        assert entry.recall == pytest.approx(recall_score(is_true, is_decided))


def test_classes_equal_values_when_computed_by_hand():
    decided = [0, 0, 1, 1, 2, 2, 0, 1]
    truth = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    names = ("low", "mid", "high")
    classes = measure_classes(make_predictions("multiclass", truth, np.eye(3)[decided], names))
    assert [(entry.name, entry.n) for entry in classes] == [("low", 3), ("mid", 2), ("high", 3)]
    assert [entry.precision for entry in classes] == pytest.approx([2 / 3, 1 / 3, 1 / 2])
    assert [entry.recall for entry in classes] == pytest.approx([2 / 3, 1 / 2, 1 / 3])


def test_precision_is_none_when_class_is_never_decided():
    predictions = make_predictions("multiclass", np.array([0, 1]), np.eye(2)[[0, 0]], ("a", "b"))
    assert measure_classes(predictions) == (
        ClassQuality("a", 1, 0.5, 1.0),
        ClassQuality("b", 1, None, 0.0),
    )


def test_recall_is_none_when_class_has_no_samples():
    predictions = make_predictions("multiclass", np.array([0, 0]), np.eye(3)[[0, 1]], tuple("abc"))
    assert measure_classes(predictions) == (
        ClassQuality("a", 2, 1.0, 0.5),
        ClassQuality("b", 0, 0.0, None),
        ClassQuality("c", 0, None, None),
    )


def test_values_are_none_when_label_has_no_samples():
    labels = np.array([[1, 0], [1, 0]], np.uint8)
    predictions = make_predictions("multilabel", labels, [[0.9, 0.1], [0.1, 0.2]], ("a", "b"))
    assert measure_classes(predictions) == (
        ClassQuality("a", 2, 1.0, 0.5),
        ClassQuality("b", 0, None, None),
    )


def test_classes_use_threshold_when_outputs_are_logits():
    scores, labels = [[-0.2], [0.2], [0.4]], np.array([0, 1, 1])
    names = ("no", "yes")
    perfect = measure_classes(make_predictions("binary", labels, scores, names, 0.0))
    assert [entry.recall for entry in perfect] == [1.0, 1.0]
    wrong = measure_classes(make_predictions("binary", labels, scores, names, 0.5))
    assert [entry.recall for entry in wrong] == [1.0, 0.0]


def test_classes_hold_plain_numbers_when_measured():
    entry = measure_classes(draw("multiclass", 0))[0]
    assert [type(value) for value in (entry.n, entry.precision, entry.recall)] == [
        int,
        float,
        float,
    ]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0] * 10 + [1] * 10 + [2] * 10, False),
        ([0] * 29 + [1] * 10 + [2] * 10, False),
        ([0] * 30 + [1] * 10 + [2] * 10, True),
        ([0] * 10 + [1] * 10 + [2] * 2, True),
        # Classes without samples do not count.
        ([0] * 10 + [1] * 9, False),
        ([0] * 30 + [1] * 10, True),
        ([0] * 30, False),
        ([2], False),
    ],
)
def test_classes_are_unbalanced_when_counts_differ_by_three(labels, expected):
    assert are_unbalanced(of_labels(labels)) is expected


@pytest.mark.parametrize(("rare", "expected"), [(10, True), (11, False), (0, False)])
def test_labels_are_unbalanced_when_one_is_rare(rare, expected):
    labels = np.zeros((40, 2), np.uint8)
    labels[:30, 0], labels[:rare, 1] = 1, 1
    predictions = make_predictions("multilabel", labels, labels, ("a", "b"))
    assert are_unbalanced(predictions) is expected


def test_labels_are_counted_when_there_are_more_than_255():
    """The counts must not wrap in the type of the labels, uint8."""
    labels = np.zeros((300, 2), np.uint8)
    labels[:, 0], labels[:50, 1] = 1, 1
    predictions = make_predictions("multilabel", labels, labels, ("a", "b"))
    assert are_unbalanced(predictions)
    assert [entry.n for entry in measure_classes(predictions)] == [300, 50]


def test_positions_are_counted_when_task_is_segmentation():
    labels = np.zeros((4, 10), np.int64)
    labels[:, :2] = 1
    predictions = make_predictions("segmentation", labels, np.eye(2)[labels], ("rest", "QRS"))
    assert are_unbalanced(predictions)
    assert [entry.n for entry in measure_classes(predictions)] == [32, 8]


def test_binary_classes_are_unbalanced_when_one_is_rare():
    labels = np.array([0] * 9 + [1] * 3)
    scores = labels[:, np.newaxis].astype(np.float32)
    assert are_unbalanced(make_predictions("binary", labels, scores, ("no", "yes")))
