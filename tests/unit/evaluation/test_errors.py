"""Tests of the errors of tasks without classes against other libraries and simulations."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score, root_mean_squared_error

from snugnet.core.predictions import Predictions
from snugnet.evaluation.accuracy import measure_difference
from snugnet.evaluation.errors import Errors, Estimate, compute_sqnr, measure_errors
from snugnet.evaluation.statistics import compute_auc_interval

METRICS = ("mae", "rmse", "r2")
NONE = Estimate(None)


def make_predictions(
    outputs: np.ndarray,
    targets: np.ndarray,
    group: np.ndarray | None = None,
    task: str = "regression",
    anomaly: np.ndarray | None = None,
) -> Predictions:
    scores = np.asarray(outputs, np.float32)
    return Predictions(
        scores=scores,
        labels=np.asarray(targets, np.float32),
        group=group,
        raw=scores,
        scale=1.0,
        zero_point=0,
        latency_ns=np.zeros(0, np.int64),
        task=task,
        class_names=(),
        anomaly=np.zeros(0, np.int64) if anomaly is None else np.asarray(anomaly),
    )


def draw(
    seed: int, n: int = 60, k: int = 2, groups: int | None = None, task: str = "regression"
) -> Predictions:
    """Draw targets and outputs with random errors; groups have different sizes and offsets."""
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(n, k)) * 10 + 40
    outputs = targets + rng.normal(size=(n, k)) * 3
    group = None
    if groups is not None:
        group = np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])
        outputs += rng.normal(size=groups)[group][:, np.newaxis] * 2
    anomaly = np.arange(n) % 3 == 0 if task == "reconstruction" else None
    return make_predictions(outputs, targets, group, task, anomaly)


def list_clusters(predictions: Predictions) -> list[np.ndarray]:
    """List the indices of the samples of each cluster; without groups each sample is one."""
    n = len(predictions.scores)
    group = np.arange(n) if predictions.group is None else predictions.group
    return [np.flatnonzero(group == name) for name in np.unique(group)]


def compute_by_sklearn(name: str, predictions: Predictions, index: np.ndarray) -> float:
    targets = predictions.labels[index].astype(np.float64)
    outputs = predictions.scores[index].astype(np.float64)
    if predictions.task == "reconstruction":  # all values are of one kind
        targets, outputs = targets.ravel(), outputs.ravel()
    if name == "rmse":  # over all values, not the mean of the targets
        return float(root_mean_squared_error(targets.ravel(), outputs.ravel()))
    return float(r2_score(targets, outputs))


def jackknife(name: str, predictions: Predictions, confidence: float) -> tuple[float, float]:
    """Compute Student's t on the pseudo-values that leave out one cluster at a time, in a loop."""
    clusters = list_clusters(predictions)
    everything = np.arange(len(predictions.scores))
    whole = compute_by_sklearn(name, predictions, everything)
    pseudo = []
    for cluster in clusters:
        rest = np.setdiff1d(everything, cluster)
        part = compute_by_sklearn(name, predictions, rest)
        pseudo.append(len(clusters) * whole - (len(clusters) - 1) * part)
    return stats.t.interval(confidence, len(clusters) - 1, whole, stats.sem(pseudo))


def ends(estimate: Estimate) -> tuple[float | None, float | None]:
    return estimate.low, estimate.high


# --- Values ----------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("groups", [None, 7])
@pytest.mark.parametrize("seed", range(3))
def test_errors_equal_sklearn_when_task_is_regression(seed, k, groups):
    predictions = draw(seed, k=k, groups=groups)
    targets, outputs = predictions.labels, predictions.scores
    errors = measure_errors(predictions, 0.95)
    assert errors.mae.value == pytest.approx(mean_absolute_error(targets, outputs))
    rmse = root_mean_squared_error(targets.ravel(), outputs.ravel())
    assert errors.rmse.value == pytest.approx(rmse)
    assert errors.r2.value == pytest.approx(r2_score(targets, outputs))
    assert errors.auc == NONE
    assert (errors.n, errors.n_groups, errors.confidence) == (60, groups, 0.95)


@pytest.mark.parametrize("seed", range(3))
def test_errors_equal_sklearn_when_task_is_reconstruction(seed):
    predictions = draw(seed, k=12, task="reconstruction")
    targets, outputs = predictions.labels.ravel(), predictions.scores.ravel()
    errors = measure_errors(predictions, 0.95)
    assert errors.mae.value == pytest.approx(mean_absolute_error(targets, outputs))
    assert errors.rmse.value == pytest.approx(root_mean_squared_error(targets, outputs))
    assert errors.r2.value == pytest.approx(r2_score(targets, outputs))
    expected = roc_auc_score(predictions.anomaly, predictions.compute_errors())
    assert errors.auc.value == pytest.approx(expected)


def test_errors_are_zero_when_outputs_are_targets():
    targets = np.arange(12.0).reshape(6, 2)
    errors = measure_errors(make_predictions(targets, targets), 0.95)
    assert (errors.mae.value, errors.rmse.value, errors.r2.value) == (0, 0, 1)


def test_errors_accept_scores_when_they_have_positions():
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(20, 4, 3)), rng.normal(size=(20, 12))
    shaped = measure_errors(make_predictions(outputs, targets), 0.95)
    assert shaped == measure_errors(make_predictions(outputs.reshape(20, 12), targets), 0.95)


def test_r2_equals_sklearn_when_targets_are_far_from_zero():
    """Sums of squares must not lose the spread of the targets."""
    rng = np.random.default_rng(0)
    targets = 1e6 + rng.normal(size=(200, 1)) * 2
    predictions = make_predictions(targets + rng.normal(size=(200, 1)), targets)
    expected = r2_score(predictions.labels.astype(np.float64), predictions.scores)
    assert measure_errors(predictions, 0.95).r2.value == pytest.approx(expected, abs=1e-4)


# --- Intervals -------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("k", [1, 3])
def test_mae_interval_is_student_t_when_groups_are_equal(k, confidence):
    group = np.repeat(np.arange(8), 6)
    predictions = draw(4, 48, k)
    predictions = make_predictions(predictions.scores, predictions.labels, group)
    differences = np.abs(predictions.scores.astype(float) - predictions.labels)
    means = differences.reshape(8, -1).mean(axis=1)
    expected = stats.t.interval(confidence, 7, means.mean(), stats.sem(means))
    assert ends(measure_errors(predictions, confidence).mae) == pytest.approx(expected)


def test_mae_interval_is_student_t_when_there_are_no_groups():
    predictions = draw(5, k=1)
    values = np.abs(predictions.scores.astype(float) - predictions.labels)[:, 0]
    expected = stats.t.interval(0.95, 59, values.mean(), stats.sem(values))
    assert ends(measure_errors(predictions, 0.95).mae) == pytest.approx(expected)


def test_mae_interval_is_ratio_estimate_when_sizes_differ():
    """Cochran 1977, 6.3: residuals of the totals of clusters about the pooled mean."""
    predictions = draw(6, 90, 1, groups=9)
    values = np.abs(predictions.scores.astype(float) - predictions.labels)[:, 0]
    total = np.array([values[index].sum() for index in list_clusters(predictions)])
    size = np.array([len(index) for index in list_clusters(predictions)])
    assert len(set(size)) > 1
    variance = np.sum((total - values.mean() * size) ** 2) / (9 * 8) / size.mean() ** 2
    half = stats.t.ppf(0.975, 8) * math.sqrt(variance)
    expected = (values.mean() - half, values.mean() + half)
    assert ends(measure_errors(predictions, 0.95).mae) == pytest.approx(expected)


@pytest.mark.parametrize("task", ["regression", "reconstruction"])
@pytest.mark.parametrize("groups", [None, 6])
@pytest.mark.parametrize("name", ["rmse", "r2"])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_interval_is_jackknife_when_computed_in_a_loop(name, groups, task, confidence):
    predictions = draw(7, 40, 3, groups, task)
    expected = jackknife(name, predictions, confidence)
    estimate = getattr(measure_errors(predictions, confidence), name)
    assert ends(estimate) == pytest.approx(expected, rel=1e-6)
    assert estimate.low < estimate.value < estimate.high


@pytest.mark.parametrize("name", METRICS)
def test_interval_is_equal_when_groups_have_other_names(name):
    predictions = draw(8, groups=6)
    expected = ends(getattr(measure_errors(predictions, 0.95), name))
    renamed = np.array([f"patient {9 - i}" for i in predictions.group])
    order = np.random.default_rng(0).permutation(60)
    shuffled = make_predictions(
        predictions.scores[order], predictions.labels[order], renamed[order]
    )
    assert ends(getattr(measure_errors(shuffled, 0.95), name)) == pytest.approx(expected)


@pytest.mark.parametrize("name", METRICS)
def test_interval_is_wider_when_confidence_is_higher(name):
    predictions = draw(9, groups=6)
    narrow, wide = (getattr(measure_errors(predictions, level), name) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.value == narrow.value


def test_interval_is_wider_when_samples_are_grouped():
    """Ten patients, whose samples have equal errors: they are ten samples, not a thousand."""
    group = np.repeat(np.arange(10), 100)
    rng = np.random.default_rng(1)
    targets = rng.normal(size=(1000, 1))
    outputs = targets + rng.uniform(0.2, 3, 10)[group][:, np.newaxis]
    alone = measure_errors(make_predictions(outputs, targets), 0.95)
    grouped = measure_errors(make_predictions(outputs, targets, group), 0.95)
    for name in ("mae", "rmse"):
        one, ten = getattr(alone, name), getattr(grouped, name)
        assert ten.high - ten.low > 5 * (one.high - one.low)


def test_auc_interval_is_that_of_statistics_when_grouped():
    predictions = draw(10, 60, 4, 9, "reconstruction")
    errors = predictions.compute_errors()
    expected = compute_auc_interval(
        predictions.anomaly.astype(bool)[:, np.newaxis],
        errors[:, np.newaxis],
        predictions.group,
        0.9,
    )
    auc = measure_errors(predictions, 0.9).auc
    assert ends(auc) == pytest.approx(tuple(expected))
    assert auc.low < auc.value < auc.high


def cover(
    name: str, truth: float, sample: Callable[[np.random.Generator], Predictions], runs: int = 300
) -> float:
    """Return the share of 95 % intervals that hold the true value."""
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(runs):
        low, high = ends(getattr(measure_errors(sample(rng), 0.95), name))
        assert low is not None and high is not None
        hits += low <= truth <= high
    return hits / runs


def draw_normal(rng: np.random.Generator) -> Predictions:
    """Draw independent samples: targets of variance 9, errors of variance 1."""
    targets = rng.normal(size=(80, 1)) * 3
    return make_predictions(targets + rng.normal(size=(80, 1)), targets)


def draw_patients(rng: np.random.Generator) -> Predictions:
    """Draw 20 patients with 8 samples: the error has a part that each patient keeps."""
    group = np.repeat(np.arange(20), 8)
    error = rng.normal(size=20)[group] * 0.8 + rng.normal(size=160) * 0.6
    targets = rng.normal(size=(160, 1)) * 3
    return make_predictions(targets + error[:, np.newaxis], targets, group)


@pytest.mark.parametrize("sample", [draw_normal, draw_patients])
@pytest.mark.parametrize(
    ("name", "truth"), [("mae", math.sqrt(2 / math.pi)), ("rmse", 1.0), ("r2", 1 - 1 / 9)]
)
def test_interval_covers_truth_when_samples_are_drawn(name, truth, sample):
    """In both simulations, the errors have variance 1 and the targets have variance 9."""
    assert 0.88 <= cover(name, truth, sample) <= 0.99


def test_interval_misses_truth_when_groups_are_ignored():
    """The simulation needs the groups: without them, the interval is too narrow."""

    def draw_without_groups(rng: np.random.Generator) -> Predictions:
        predictions = draw_patients(rng)
        return make_predictions(predictions.scores, predictions.labels)

    assert cover("rmse", 1.0, draw_without_groups) < 0.8


def test_auc_interval_covers_truth_when_samples_are_drawn():
    """The errors of anomalies are larger by 1 standard deviation: the AUC is Phi(1 / sqrt 2)."""

    def draw_anomalies(rng: np.random.Generator) -> Predictions:
        anomaly = np.arange(80) % 2
        error = np.exp(rng.normal(size=80) + anomaly)[:, np.newaxis]
        x = rng.normal(size=(80, 2))
        return make_predictions(x + error, x, None, "reconstruction", anomaly)

    truth = float(stats.norm.cdf(1 / math.sqrt(2)))
    assert 0.88 <= cover("auc", truth, draw_anomalies, 200) <= 0.99


# --- What is not defined ---------------------------------------------------------------------


@pytest.mark.parametrize("task", ["regression", "reconstruction"])
def test_intervals_are_none_when_there_is_one_group(task):
    predictions = draw(12, 30, 2, 1, task)
    errors = measure_errors(predictions, 0.95)
    assert errors.n_groups == 1
    for name in METRICS:
        estimate = getattr(errors, name)
        assert estimate.value is not None
        assert ends(estimate) == (None, None)
    assert ends(errors.auc) == (None, None)
    assert (errors.auc.value is None) == (task == "regression")


def test_intervals_are_none_when_there_is_one_sample():
    errors = measure_errors(make_predictions([[1.0]], [[3.0]]), 0.95)
    assert errors.mae == Estimate(2.0)
    assert errors.rmse == Estimate(2.0)
    assert errors.r2 == NONE


@pytest.mark.parametrize("target", [0.0, 1.0, 0.1, 47.3, -1e5, 1 / 3])
@pytest.mark.parametrize("n", [7, 100])
@pytest.mark.parametrize("groups", [None, 5])
def test_r2_is_none_when_target_is_constant(target, n, groups):
    rng = np.random.default_rng(0)
    targets = np.full((n, 1), target)
    group = None if groups is None else np.arange(n) % groups
    errors = measure_errors(
        make_predictions(targets + rng.normal(size=(n, 1)), targets, group), 0.9
    )
    assert errors.r2 == NONE
    assert errors.mae.value is not None
    assert errors.rmse.low is not None


def test_r2_is_none_when_one_of_two_targets_is_constant():
    rng = np.random.default_rng(0)
    targets = np.stack([rng.normal(size=50), np.full(50, 0.1)], axis=1)
    errors = measure_errors(make_predictions(targets + rng.normal(size=(50, 2)), targets), 0.95)
    assert errors.r2 == NONE


def test_r2_interval_is_none_when_a_group_has_all_spread():
    """Without this group, the target is constant, and R2 is not defined."""
    group = np.repeat([0, 1, 2], 4)
    targets = np.where(group == 0, np.arange(12.0), 5.0)[:, np.newaxis]
    outputs = targets + np.random.default_rng(0).normal(size=(12, 1))
    r2 = measure_errors(make_predictions(outputs, targets, group), 0.95).r2
    assert r2.value == pytest.approx(r2_score(targets, outputs))
    assert ends(r2) == (None, None)


@pytest.mark.parametrize("anomaly", [np.zeros(20, int), np.ones(20, int), np.zeros(0, int)])
def test_auc_is_none_when_samples_are_of_one_class(anomaly):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3))
    outputs = x + rng.normal(size=(20, 3))
    errors = measure_errors(make_predictions(outputs, x, None, "reconstruction", anomaly), 0.95)
    assert errors.auc == NONE
    assert errors.mae.value is not None


def test_auc_has_no_interval_when_separation_is_perfect():
    anomaly = np.arange(20) % 2
    x = np.zeros((20, 3))
    outputs = x + (anomaly * 5 + 1 + np.arange(20) / 100)[:, np.newaxis]
    auc = measure_errors(make_predictions(outputs, x, None, "reconstruction", anomaly), 0.95).auc
    assert auc == Estimate(1.0)


def test_auc_is_half_when_errors_are_equal():
    anomaly = np.arange(20) % 2
    x = np.zeros((20, 3))
    errors = measure_errors(make_predictions(x + 1, x, None, "reconstruction", anomaly), 0.95)
    assert errors.auc.value == pytest.approx(0.5)


@pytest.mark.parametrize("task", ["regression", "reconstruction"])
@pytest.mark.parametrize("groups", [None, 1, 5])
def test_errors_are_valid_json_when_intervals_are_missing(task, groups):
    errors: Errors = measure_errors(draw(13, 30, 2, groups, task), 0.95)
    parsed = json.loads(json.dumps(errors.to_json(), allow_nan=False))
    assert parsed["n"] == 30
    assert parsed["n_groups"] == groups
    assert parsed["mae"] == {
        "value": errors.mae.value,
        "low": errors.mae.low,
        "high": errors.mae.high,
    }


# --- SQNR ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(50,), (50, 4), (10, 5, 4)])
def test_sqnr_is_ratio_of_powers_when_outputs_differ(shape):
    rng = np.random.default_rng(0)
    reference = rng.normal(size=shape).astype(np.float32)
    outputs = reference + rng.normal(size=shape).astype(np.float32) * np.float32(0.01)
    noise = (outputs.astype(np.float64) - reference).ravel()
    expected = 20 * math.log10(
        np.linalg.norm(reference.astype(np.float64).ravel()) / np.linalg.norm(noise)
    )
    assert compute_sqnr(outputs, reference) == pytest.approx(expected, rel=1e-5)
    assert expected == pytest.approx(40, abs=1)


def test_sqnr_is_20_db_when_error_is_a_tenth():
    assert compute_sqnr(np.array([1.1, -2.2]), np.array([1.0, -2.0])) == pytest.approx(20)


def test_sqnr_is_negative_when_noise_exceeds_signal():
    assert compute_sqnr(np.array([11.0]), np.array([1.0])) == pytest.approx(-20)


@pytest.mark.parametrize(("outputs", "reference"), [(1.0, 1.0), (0.0, 0.0), (3.0, 0.0)])
def test_sqnr_is_none_when_signal_or_noise_is_zero(outputs, reference):
    assert compute_sqnr(np.full((3, 2), outputs), np.full((3, 2), reference)) is None


def test_sqnr_is_finite_when_outputs_are_tiny():
    """The squares of these float32 numbers are below the smallest float32."""
    outputs, reference = np.full(9, 1.1e-30, np.float32), np.full(9, 1e-30, np.float32)
    assert compute_sqnr(outputs, reference) == pytest.approx(20, abs=1e-3)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_difference_has_same_p_when_unit_of_targets_changes(unit):
    model, baseline = draw(1), draw(1)
    model = replace(model, scores=(model.scores + 0.5).astype(np.float32))
    parts = [
        replace(part, scores=part.scores * np.float32(unit), labels=part.labels * np.float32(unit))
        for part in (model, baseline)
    ]
    expected = measure_difference(model, baseline, 0.95)
    difference = measure_difference(*parts, 0.95)
    assert difference.p == pytest.approx(expected.p, rel=0.05)
    assert difference.low == pytest.approx(expected.low * unit, rel=1e-3)
    assert difference.high == pytest.approx(expected.high * unit, rel=1e-3)
