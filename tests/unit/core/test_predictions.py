"""Tests of predictions of all tasks, and of their files."""

import dataclasses

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.predictions import Predictions, load_predictions, save_predictions
from snugnet.core.samples import Samples

RNG = np.random.default_rng(0)
COUNT = 6


def predict(
    task: str, scores: object, y: object, x: object = None, **changes: object
) -> Predictions:
    """Combine scores with the labels of samples, as a runtime does."""
    scores = np.asarray(scores, np.float32)
    samples = Samples(
        x=np.zeros((len(scores), 4), np.float32) if x is None else np.asarray(x, np.float32),
        y=np.asarray(y),
        class_names=("a", "b"),
        task=task,
        **changes,
    )
    return Predictions.from_samples(samples, scores, scores)


def make_predictions(task: str) -> Predictions:
    """Make predictions of a task, with random outputs and every field set."""
    shapes = {
        "multiclass": ((COUNT, 3), RNG.integers(0, 3, COUNT)),
        "binary": ((COUNT, 1), RNG.integers(0, 2, COUNT)),
        "multilabel": ((COUNT, 3), RNG.integers(0, 2, (COUNT, 3)).astype(np.uint8)),
        "segmentation": ((COUNT, 5, 3), RNG.integers(0, 3, (COUNT, 5))),
        "regression": ((COUNT, 2), RNG.normal(size=(COUNT, 2)).astype(np.float32)),
        "reconstruction": ((COUNT, 4), RNG.integers(0, 2, COUNT)),
    }
    shape, y = shapes[task]
    x = RNG.normal(size=(COUNT, 4)).astype(np.float32)
    names = () if task == "reconstruction" else ("a", "b", "c")
    samples = Samples(x, y, names, task, np.arange(COUNT) // 2, threshold=0.0)
    scores = RNG.normal(size=shape).astype(np.float32)
    raw = RNG.integers(-128, 128, shape).astype(np.int8)
    return Predictions.from_samples(samples, scores, raw, 0.25, -3, np.array([5, 7]))


TASKS = ["multiclass", "binary", "multilabel", "segmentation", "regression", "reconstruction"]


@pytest.mark.parametrize("task", TASKS[:4])
def test_predictions_have_classes_when_outputs_are_decisions(task):
    predictions = make_predictions(task)
    assert predictions.has_classes
    decisions = predictions.decide()
    assert decisions.shape == predictions.labels.shape
    assert decisions.dtype == predictions.labels.dtype


@pytest.mark.parametrize("task", TASKS[4:])
def test_predictions_have_no_classes_when_outputs_are_real(task):
    assert not make_predictions(task).has_classes


def test_predictions_keep_threshold_when_samples_have_one():
    scores, y = [[-1.0], [0.2], [0.7]], [0, 1, 1]
    assert predict("binary", scores, y, threshold=0.0).decide().tolist() == [0, 1, 1]
    assert predict("binary", scores, y).decide().tolist() == [0, 0, 1]


def test_labels_are_flat_inputs_when_task_is_reconstruction():
    x = RNG.normal(size=(COUNT, 3, 2))
    marks = np.array([0, 1, 0, 0, 1, 1])
    predictions = predict("reconstruction", np.zeros((COUNT, 6)), marks, x)
    np.testing.assert_array_equal(predictions.labels, x.reshape(COUNT, 6).astype(np.float32))
    np.testing.assert_array_equal(predictions.anomaly, marks)


def test_anomaly_is_empty_when_marks_are_unknown():
    predictions = predict("reconstruction", np.zeros((2, 4)), np.zeros(0, int))
    assert predictions.anomaly.shape == (0,)
    assert predict("binary", [[0.1]], [0]).anomaly.shape == (0,)


@pytest.mark.parametrize(
    ("task", "scores", "y", "expected"),
    [
        ("multiclass", np.eye(3)[[0, 1, 2]], [0, 1, 1], [1, 1, 0]),
        ("binary", [[0.9], [0.1], [0.5]], [1, 1, 1], [1, 0, 1]),
        (
            "multilabel",
            [[0.9, 0.1, 0.9], [0.9, 0.1, 0.9], [0, 0, 0]],
            [[1, 0, 1], [0, 0, 1], [1, 1, 1]],
            [1, 2 / 3, 0],
        ),
        (
            "segmentation",
            np.eye(2)[[[0, 1, 0, 1], [1, 1, 1, 1]]],
            [[0, 1, 1, 1], [0, 0, 0, 0]],
            [0.75, 0],
        ),
        (
            "segmentation",
            [[[0.9], [0.2]], [[0.5], [0.6]]],
            [[1, 1], [1, 1]],
            [0.5, 1],
        ),
    ],
)
def test_correctness_is_share_of_labels_when_task_has_classes(task, scores, y, expected):
    predictions = predict(task, scores, np.array(y))
    correct = predictions.compute_correctness()
    assert correct.dtype == np.float64
    np.testing.assert_allclose(correct, expected)


def test_correctness_is_share_of_pixels_when_image_is_segmented():
    scores, y = RNG.normal(size=(4, 3, 5, 2)), RNG.integers(0, 2, (4, 3, 5))
    expected = [np.mean(scores[i].argmax(-1) == y[i]) for i in range(4)]
    np.testing.assert_allclose(predict("segmentation", scores, y).compute_correctness(), expected)


def test_errors_are_means_of_targets_when_regression():
    errors = predict("regression", [[1.0, 5.0], [0.0, 0.0]], [[2.0, 2.0], [0.0, -1.0]])
    assert errors.compute_errors().dtype == np.float64
    np.testing.assert_allclose(errors.compute_errors(), [2.0, 0.5])


def test_errors_are_means_of_values_when_reconstruction():
    x = RNG.normal(size=(COUNT, 3, 2)).astype(np.float32)
    scores = RNG.normal(size=(COUNT, 6)).astype(np.float32)
    predictions = predict("reconstruction", scores, np.zeros(0, int), x)
    expected = np.abs(scores.astype(np.float64) - x.reshape(COUNT, 6)).mean(axis=1)
    np.testing.assert_allclose(predictions.compute_errors(), expected)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("grouped", [True, False])
def test_load_returns_equal_predictions_when_they_were_saved(task, grouped, tmp_path):
    predictions = make_predictions(task)
    if not grouped:
        predictions = dataclasses.replace(predictions, group=None)
    save_predictions(tmp_path / "p.npz", predictions)
    loaded = load_predictions(tmp_path / "p.npz")
    for field in dataclasses.fields(Predictions):
        expected, value = getattr(predictions, field.name), getattr(loaded, field.name)
        assert isinstance(value, np.ndarray) == isinstance(expected, np.ndarray), field.name
        np.testing.assert_array_equal(value, expected, err_msg=field.name)
        if isinstance(expected, np.ndarray):
            assert value.dtype == expected.dtype, field.name
        else:
            assert type(value) is type(expected), field.name


@pytest.mark.parametrize("task", TASKS[:4])
def test_load_keeps_decisions_when_threshold_is_zero(task, tmp_path):
    predictions = make_predictions(task)
    save_predictions(tmp_path / "p.npz", predictions)
    loaded = load_predictions(tmp_path / "p.npz")
    assert loaded.threshold == 0
    np.testing.assert_array_equal(loaded.decide(), predictions.decide())
    np.testing.assert_array_equal(loaded.compute_correctness(), predictions.compute_correctness())


def test_load_keeps_scales_when_there_is_one_per_column(tmp_path):
    predictions = dataclasses.replace(make_predictions("multiclass"), scale=np.array([1.0, 2, 3]))
    save_predictions(tmp_path / "p.npz", predictions)
    np.testing.assert_array_equal(load_predictions(tmp_path / "p.npz").scale, [1.0, 2, 3])


@pytest.mark.parametrize("missing", ["threshold", "anomaly", "task", "scores"])
def test_load_fails_when_an_array_is_missing(missing, tmp_path):
    arrays = vars(make_predictions("binary")) | {"group": np.zeros(0)}
    kept = {name: np.asarray(value) for name, value in arrays.items() if name != missing}
    np.savez(tmp_path / "p.npz", **kept)
    with pytest.raises(InputError, match=f"missing arrays: {missing};"):
        load_predictions(tmp_path / "p.npz")


def test_load_fails_when_scores_are_not_finite(tmp_path):
    save_predictions(tmp_path / "p.npz", predict("binary", [[np.nan]], [0]))
    with pytest.raises(InputError, match="scores hold NaN or infinity"):
        load_predictions(tmp_path / "p.npz")
