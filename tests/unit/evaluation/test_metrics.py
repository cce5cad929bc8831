"""Tests of the metrics against values computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from snugnet.core.errors import InputError
from snugnet.core.predictions import Predictions, load_predictions, save_predictions
from snugnet.evaluation.footprint import describe_tflite, measure_file_size
from snugnet.evaluation.metrics import (
    compute_auc_macro,
    compute_confusion_matrix,
    compute_metrics,
)
from snugnet.evaluation.score import describe_incompatible_cell, score_cell
from snugnet.models.stats_record import ModelStats


def predictions(scores, labels, task, group=None, names=None) -> Predictions:
    scores = np.array(scores, dtype=np.float32)
    names = names or tuple(f"c{k}" for k in range(max(2, scores.shape[1])))
    return Predictions(
        scores=scores,
        labels=np.array(labels),
        group=None if group is None else np.array(group),
        raw=scores,
        scale=1.0,
        zero_point=0,
        latency_ns=np.array([1000, 2000, 3000]),
        task=task,
        class_names=names,
    )


def multiclass() -> Predictions:
    decided = [0, 0, 1, 1, 2, 2, 0, 1]
    truth = [0, 0, 0, 1, 1, 2, 2, 2]
    return predictions(np.eye(3)[decided], truth, "multiclass")


def multilabel() -> Predictions:
    scores = [[0.9, 0.1, 0.5], [0.4, 0.8, 0.2], [0.6, 0.6, 0.1], [0.2, 0.3, 0.7]]
    truth = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=np.uint8)
    return predictions(scores, truth, "multilabel")


def test_metrics_equal_expected_values_when_task_is_multiclass():
    got = compute_metrics(multiclass())
    # Right: samples 0, 1, 3, 5 of 8. Recalls 2/3, 1/2, 1/3; precisions 2/3, 1/3, 1/2.
    assert got["accuracy"] == pytest.approx(4 / 8)
    assert got["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1 / 3) / 3)
    assert got["recall"] == got["balanced_accuracy"]
    assert got["precision"] == pytest.approx((2 / 3 + 1 / 3 + 1 / 2) / 3)
    f1 = (2 / 3 + 2 / 5 + 2 / 5) / 3
    assert got["f1"] == pytest.approx(f1)
    # Expected agreement by chance: (3*3 + 3*2 + 2*3) / 64.
    chance = (3 * 3 + 3 * 2 + 2 * 3) / 64
    assert got["cohen_kappa"] == pytest.approx((0.5 - chance) / (1 - chance))
    assert "hamming_loss" not in got


def test_metrics_equal_expected_values_when_task_is_multilabel():
    got = compute_metrics(multilabel())
    # A score of exactly 0.5 counts as set: wrong at (0, 2), (1, 0) and (2, 1), 9 of 12 right.
    assert got["accuracy"] == got["binary_accuracy"] == pytest.approx(9 / 12)
    assert got["hamming_loss"] == pytest.approx(3 / 12)
    assert got["jaccard"] == pytest.approx((2 / 3 + 1 / 2 + 1 / 2) / 3)
    assert "cohen_kappa" not in got


def test_metrics_equal_expected_values_when_task_is_binary():
    binary = predictions([[0.9], [0.4], [0.5], [0.1]], [1, 1, 0, 0], "binary")
    got = compute_metrics(binary)
    assert got["accuracy"] == 0.5
    assert got["jaccard"] == pytest.approx(1 / 3)
    assert got["auc_macro"] == pytest.approx(3 / 4)
    assert compute_confusion_matrix(binary) == [[1, 1], [1, 1]]


def segmentation() -> Predictions:
    """Two samples of three positions; the second class is wrong once."""
    scores = np.eye(2)[[[0, 1, 1], [0, 0, 1]]]
    return replace(
        predictions(scores.reshape(6, 2), [[0, 1, 0], [0, 0, 1]], "segmentation"),
        scores=scores.astype(np.float32),
    )


def test_metrics_count_positions_when_task_is_segmentation():
    got = compute_metrics(segmentation())
    assert got["accuracy"] == pytest.approx(5 / 6)
    assert got["recall"] == pytest.approx((3 / 4 + 1) / 2)
    assert compute_confusion_matrix(segmentation()) == [[3, 1], [0, 2]]


def test_positions_have_group_of_sample_when_they_are_split():
    parts = segmentation().split_positions()
    assert parts.task == "multiclass"
    assert parts.scores.shape == (6, 2)
    assert parts.group.tolist() == [0, 0, 0, 1, 1, 1]


def test_row_has_errors_when_task_has_no_classes(tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(b"file")
    truth = np.array([[1.0], [2.0], [4.0], [8.0]], np.float32)
    cell, reference = (
        predictions(truth + error, truth, "regression", names=("age",)) for error in (0.5, 0.25)
    )
    deployed = describe_tflite(model, EVIDENCE, None)
    score = score_cell(cell, reference, None, None, STATS, deployed, 0.95)
    row = score.to_json()
    assert (row["mae"], row["rmse"], row["delta_float"]) == (0.5, 0.5, 0.25)
    assert "accuracy" not in row
    assert "confusion" not in row


def test_recall_and_auc_skip_class_when_it_has_no_samples():
    absent = predictions(np.eye(3)[[0, 1, 2, 0]], [0, 1, 1, 0], "multiclass")
    got = compute_metrics(absent)
    assert got["balanced_accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert got["auc_macro"] == pytest.approx((1.0 + 0.75) / 2)
    one = predictions([[0.2], [0.9]], [1, 1], "binary")
    assert compute_auc_macro(one) is None
    assert compute_metrics(one)["cohen_kappa"] == pytest.approx(0.0)


def test_kappa_is_none_when_labels_and_decisions_are_constant():
    constant = predictions([[0.9], [0.9]], [1, 1], "binary")
    assert compute_metrics(constant)["cohen_kappa"] is None


def test_confusion_matrix_has_truth_in_rows_when_not_symmetric():
    assert compute_confusion_matrix(multiclass()) == [[2, 1, 0], [0, 1, 1], [1, 1, 1]]
    assert compute_confusion_matrix(multilabel())[2] == [[2, 1], [0, 1]]


def test_predictions_are_equal_when_saved_and_loaded(tmp_path):
    for original in (multiclass(), multilabel()):
        save_predictions(tmp_path / "p.npz", original)
        read = load_predictions(tmp_path / "p.npz")
        for name, value in vars(original).items():
            np.testing.assert_array_equal(getattr(read, name), value)


def test_load_predictions_fails_when_scores_are_not_finite(tmp_path):
    broken = predictions([[np.nan, 1.0]], [1], "multiclass")
    save_predictions(tmp_path / "p.npz", broken)
    with pytest.raises(InputError, match="scores hold NaN"):
        load_predictions(tmp_path / "p.npz")


STATS = ModelStats(parameters=10, nonzero=9, macs=8, zeros=0.1)
WEIGHTS = [{"name": "a", "zeros": 0.25, "rank": 3}, {"name": "b", "zeros": 1.0, "rank": 0}]
EVIDENCE = {
    "findings": [],
    "weights": WEIGHTS,
    "int8_weights": ["a"],
    "float_weights": ["b", "c"],
    "zeros": 0.5,
    "dead_layers": ["b"],
}


def test_score_cell_compares_with_float_when_parent_is_unknown(tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(b"x" * 1000)
    reference = predictions(np.eye(3)[[0, 0, 0, 1, 1, 2, 2, 2]], multiclass().labels, "multiclass")
    score = score_cell(
        multiclass(), reference, None, None, STATS, describe_tflite(model, EVIDENCE, None), 0.95
    )
    assert score.float_difference.delta == pytest.approx(-0.5)
    # Four samples lost and none gained: the exact McNemar test gives 2 / 2^4.
    assert score.float_difference.p == pytest.approx(2 / 16)
    assert score.parent_difference is None
    assert score.measures.decisions_changed == 4
    assert score.footprint.size.size_bytes == 1000
    assert score.latency.median_us == 2.0
    assert score.measures.accuracy.n_groups is None
    assert score.measures.accuracy.n == 8
    row = score.to_json()
    assert (row["status"], row["reason"], row["n"], row["n_groups"]) == ("ok", None, 8, None)
    assert (row["delta_float"], row["decisions_changed"]) == (pytest.approx(-0.5), 4)
    assert (row["delta_parent"], row["p_step"], row["latency_us_median"]) == (None, None, 2.0)
    assert (row["parameters"], row["nonzero"], row["macs"]) == (10, 9, 8)
    assert row["tensor_zeros"] == "a 0.2500; b 1.0000"
    assert (row["tensor_ranks"], row["dead_layers"]) == ("a 3; b 0", "b")
    assert (row["model_zeros"], row["file_zeros"]) == (0.1, 0.5)
    assert (row["int8_weights"], row["float_weights"]) == (1, 2)


def test_score_cell_fails_when_samples_differ(tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(b"x")
    deployed = describe_tflite(model, EVIDENCE, None)
    other = predictions(np.eye(3)[[0]], [0], "multiclass")
    with pytest.raises(InputError, match="are for different samples"):
        score_cell(multiclass(), other, None, None, STATS, deployed, 0.95)
    with pytest.raises(InputError, match="its previous quantization step are for different"):
        score_cell(multiclass(), multiclass(), None, other, STATS, deployed, 0.95)
    with pytest.raises(InputError, match="its parent are for different samples"):
        score_cell(multiclass(), multiclass(), other, None, STATS, deployed, 0.95)


def test_score_cell_compares_with_parent_when_it_is_known(tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(b"x")
    parent = predictions(np.eye(3)[[0, 0, 0, 1, 1, 2, 2, 2]], multiclass().labels, "multiclass")
    score = score_cell(
        multiclass(),
        multiclass(),
        parent,
        None,
        STATS,
        describe_tflite(model, EVIDENCE, None),
        0.95,
    )
    row = score.to_json()
    assert (row["delta_parent"], row["p_parent"]) == (pytest.approx(-0.5), pytest.approx(2 / 16))
    assert row["delta_parent_low"] < -0.5 < row["delta_parent_high"]
    assert (score.float_difference.delta, score.float_difference.p) == (0, 1)


def test_score_cell_compares_with_previous_step_when_it_is_known(tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(b"x")
    below = predictions(np.eye(3)[[0, 0, 0, 1, 1, 2, 2, 2]], multiclass().labels, "multiclass")
    deployed = describe_tflite(model, EVIDENCE, None)
    score = score_cell(multiclass(), multiclass(), None, below, STATS, deployed, 0.95)
    row = score.to_json()
    assert (row["delta_step"], row["p_step"]) == (pytest.approx(-0.5), pytest.approx(2 / 16))
    assert (score.float_difference.delta, score.parent_difference) == (0, None)


def test_incompatible_cell_has_reason_when_it_is_json():
    empty = replace(multiclass(), labels=np.zeros(0, np.int64))
    assert describe_incompatible_cell(empty, "conv: stride 4").to_json() == {
        "status": "incompatible",
        "reason": "conv: stride 4",
        "task": "multiclass",
        "n": 0,
        "class_names": ["c0", "c1", "c2"],
    }


def test_gzip_size_is_equal_when_file_is_measured_again(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(bytes(range(256)) * 40)
    size = measure_file_size(path)
    assert measure_file_size(path) == size
    assert size.size_gzip_bytes < size.size_bytes == 10240


CERTIFICATE = {
    "litert_ref": {"verdict": "exact"},
    "tflm": {"verdict": "unsupported", "reason": "operator 3 ABS: is not supported"},
    "xnnpack": {"worst_lsb": 6, "decisions_changed": 2},
    "arena_bytes": 4096,
}


def test_score_cell_has_verdicts_when_certificate_is_known(tmp_path):
    model = tmp_path / "model.tflite"
    model.write_bytes(b"x")
    cells = multiclass(), multiclass(), None, None
    score = score_cell(*cells, STATS, describe_tflite(model, EVIDENCE, CERTIFICATE), 0.95)
    row = score.to_json()
    assert (row["litert_ref"], row["tflm"], row["arena_bytes"]) == ("exact", "unsupported", 4096)
    assert row["verification"] == "tflm: operator 3 ABS: is not supported"
    assert (row["xnnpack_worst_lsb"], row["xnnpack_decisions_changed"]) == (6, 2)
    differs = {
        "verdict": "differs",
        "mismatches": 7,
        "worst_lsb": 1,
        "first_operator": {"operator": 2, "name": "ADD", "tensor": 9},
    }
    score = score_cell(
        *cells,
        STATS,
        describe_tflite(model, EVIDENCE, {**CERTIFICATE, "litert_ref": differs}),
        0.95,
    )
    assert score.footprint.verification.verification.startswith(
        "litert_ref: 7 values differ by up to 1 LSB, first at operator 2 ADD; tflm: "
    )
    score = score_cell(*cells, STATS, describe_tflite(model, EVIDENCE, None), 0.95)
    verification = score.footprint.verification
    assert (verification.litert_ref, verification.arena_bytes) == (None, None)
