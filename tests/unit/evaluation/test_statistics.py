"""Tests of the statistics against other libraries and simulations."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from snugnet.evaluation.statistics import (
    RESAMPLES,
    adjust_holm,
    compute_accuracy_interval,
    compute_auc_interval,
    compute_difference_interval,
    compute_paired_p,
)


@given(st.integers(1, 500), st.data())
def test_accuracy_interval_is_wilson_when_there_are_no_groups(n, data):
    successes = data.draw(st.integers(0, n))
    correct = np.arange(n) < successes
    low, high = compute_accuracy_interval(correct.astype(float), None)
    expected = proportion_confint(successes, n, method="wilson")
    assert (low, high) == pytest.approx(expected, abs=1e-9)


def test_accuracy_interval_is_student_t_when_groups_are_equal():
    rng = np.random.default_rng(0)
    correct = (rng.random((8, 25)) < rng.uniform(0.6, 0.9, (8, 1))).astype(float)
    low, high = compute_accuracy_interval(correct.ravel(), np.repeat(np.arange(8), 25))
    means = correct.mean(axis=1)
    expected = stats.t.interval(0.95, 7, means.mean(), stats.sem(means))
    assert (low, high) == pytest.approx(expected)


def test_accuracy_interval_contains_accuracy_when_sizes_differ():
    # One large group that is good, nine small ones that are bad.
    group = np.repeat(np.arange(10), [910] + [10] * 9)
    correct = (group == 0).astype(float)
    low, high = compute_accuracy_interval(correct, group)
    assert low <= correct.mean() <= high


def test_accuracy_interval_is_wider_when_samples_are_grouped():
    group = np.repeat(np.arange(10), 100)
    correct = (group % 5 != 0).astype(float)
    alone, grouped = (
        compute_accuracy_interval(correct, None),
        compute_accuracy_interval(correct, group),
    )
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_accuracy_interval_is_student_t_when_task_is_multilabel():
    correct = np.array([1.0, 0.8, 0.6, 1.0, 0.8])
    low, high = compute_accuracy_interval(correct, None)
    expected = stats.t.interval(0.95, 4, 0.84, stats.sem(correct))
    assert (low, high) == pytest.approx((expected[0], 1.0))  # an accuracy is at most 1


def test_accuracy_interval_is_wilson_when_groups_are_perfect():
    low, high = compute_accuracy_interval(np.ones(500), np.repeat(np.arange(5), 100))
    assert (low, high) == pytest.approx(proportion_confint(5, 5, method="wilson"))


def test_accuracy_interval_is_wide_when_samples_are_equal():
    """Shares of labels whose sum is not exact: rounding is no spread."""
    low, high = compute_accuracy_interval(np.full(120, 0.8), None)
    assert low < 0.73
    assert high > 0.85


def test_accuracy_interval_is_none_when_there_is_one_group():
    assert compute_accuracy_interval(np.array([1.0, 0.0]), np.array([3, 3])) == (None, None)


@pytest.mark.parametrize("patients", [10, 46])
def test_accuracy_interval_has_coverage_when_patients_differ(patients):
    """The 95 % interval holds the truth in 93 to 97 % of 500 studies."""
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(patients), 60)
    inside = 0
    for _ in range(500):
        skill = rng.normal(0.8, 0.05, patients)
        correct = rng.random((patients, 60)) < skill[:, np.newaxis]
        low, high = compute_accuracy_interval(correct.ravel().astype(float), group)
        inside += low <= 0.8 <= high
    assert 0.93 <= inside / 500 <= 0.97


def drifting(drift: float, patients: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Correctness of two models that are equally good over all patients, but not for each."""
    base = rng.normal(0.85, 0.04, patients)
    shift = rng.normal(0, drift, patients)
    # Mostly the same samples are right: the models agree but for the shift and some noise.
    chance = rng.random((patients, 190))
    noise = rng.random((patients, 190))
    theirs = chance < base[:, np.newaxis]
    ours = np.where(noise < 0.02, rng.random(chance.shape) < base[:, np.newaxis], theirs)
    moved = (chance - base[:, np.newaxis]) * np.sign(shift)[:, np.newaxis]
    ours = np.where(
        (moved >= 0) & (moved < np.abs(shift)[:, np.newaxis]), shift[:, np.newaxis] > 0, ours
    )
    return (
        ours.ravel().astype(float),
        theirs.ravel().astype(float),
        np.repeat(np.arange(patients), 190),
    )


@pytest.mark.parametrize("drift", [0.005, 0.01, 0.02])
def test_paired_p_has_level_when_each_patient_drifts(drift):
    """At the level of 5 % at most 6 % of 500 comparisons are called a difference."""
    rng = np.random.default_rng(2)
    false = {"by group": 0, "McNemar": 0}
    for _ in range(500):
        ours, theirs, group = drifting(drift, 10, rng)
        false["by group"] += compute_paired_p(ours, theirs, group) < 0.05
        false["McNemar"] += compute_paired_p(ours, theirs, None) < 0.05
    assert false["by group"] / 500 <= 0.06
    if drift >= 0.01:  # an arrow is wrong this often if samples count as independent
        assert false["McNemar"] / 500 > 0.1


def test_auc_interval_equals_delong_when_there_is_one_label():
    """Against the variance formula of DeLong et al. written out, pair by pair."""
    rng = np.random.default_rng(3)
    positive = rng.random(80) < 0.4
    scores = np.round(rng.normal(positive * 1.0, 1.0), 1)  # rounded, so that there are ties
    up, down = scores[positive][:, np.newaxis], scores[~positive][np.newaxis]
    wins = (up > down) + 0.5 * (up == down)
    by_positive, by_negative = wins.mean(axis=1), wins.mean(axis=0)
    variance = by_positive.var() / len(by_positive) + by_negative.var() / len(by_negative)
    half = stats.t.ppf(0.975, 79) * np.sqrt(80 / 79 * variance)
    low, high = compute_auc_interval(positive[:, np.newaxis], scores[:, np.newaxis], None)
    assert (low, high) == pytest.approx((wins.mean() - half, wins.mean() + half))


def test_auc_interval_has_coverage_when_samples_are_related():
    """30 patients whose scores share a shift; the truth is the area of a very large sample."""
    rng = np.random.default_rng(4)

    def study(patients: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        group = np.repeat(np.arange(patients), 10)
        truth = rng.random((patients * 10, 3)) < 0.4
        shift = rng.normal(0, 0.7, (patients, 3))[group]
        return truth, truth * 1.2 + shift + rng.normal(0, 1, truth.shape), group

    truth, scores, _ = study(20000)
    area = np.mean([roc_auc_score(truth[:, k], scores[:, k]) for k in range(3)])
    inside = 0
    for _ in range(400):
        low, high = compute_auc_interval(*study(30))
        inside += low <= area <= high
    assert 0.92 < inside / 400 < 0.98


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 20))
def test_paired_p_is_exact_mcnemar_when_there_are_no_groups(gained, lost, same):
    ours = np.array([1.0] * gained + [0.0] * lost + [1.0] * (same + 1))
    reference = np.array([0.0] * gained + [1.0] * lost + [1.0] * (same + 1))
    expected = mcnemar([[same + 1, gained], [lost, 0]], exact=True).pvalue
    assert compute_paired_p(ours, reference, None) == pytest.approx(min(1.0, expected))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8))
def test_paired_p_is_exact_sign_flip_when_there_are_groups(differences):
    group = np.repeat(np.arange(len(differences)), 4)
    reference = np.zeros(4 * len(differences))
    reference[::1] = 0.5
    ours = reference + np.repeat(np.array(differences) / 4, 4)
    totals = np.array(differences, dtype=float)
    flips = [abs(np.dot(signs, totals)) for signs in product((-1, 1), repeat=len(totals))]
    expected = np.mean(np.array(flips) >= abs(totals.sum()) - 1e-9)
    assert compute_paired_p(ours, reference, group) == pytest.approx(expected)


def test_paired_p_is_reproducible_when_there_are_many_groups():
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(30), 10)
    reference = (rng.random(300) < 0.9).astype(float)
    ours = np.where(rng.random(300) < 0.2, 0.0, reference)
    p = compute_paired_p(ours, reference, group)
    assert p == compute_paired_p(ours, reference, group)
    assert 1 / (RESAMPLES + 1) <= p < 0.01


def test_auc_interval_is_none_when_separation_is_perfect():
    truth = np.tile([[True], [False]], (10, 1))
    assert compute_auc_interval(truth, truth * 1.0, np.arange(20) // 4) == (None, None)


def test_paired_p_is_1_when_only_rounding_differs():
    """Equal sums of fractions whose last bits differ, the same way in every group."""
    ours, theirs = np.tile([0.8, 0.4], 6), np.tile([0.6, 0.6], 6)
    assert compute_paired_p(ours, theirs, np.repeat(np.arange(6), 2)) == 1.0


def test_paired_p_is_1_when_models_are_equal():
    correct = np.array([1.0, 0.0, 1.0])
    assert compute_paired_p(correct, correct, None) == 1.0
    assert compute_paired_p(correct, correct, np.array([0, 0, 1])) == 1.0


def test_paired_p_is_1_when_only_one_group_differs():
    """One patient alone lost 20 decisions: no evidence about patients in general."""
    group = np.repeat(np.arange(10), 50)
    reference = np.ones(500)
    ours = reference.copy()
    ours[:20] = 0
    assert compute_paired_p(ours, reference, None) < 1e-4
    assert compute_paired_p(ours, reference, group) == 1.0


@settings(max_examples=30)  # statsmodels takes a tenth of a second for each
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjust_holm_equals_statsmodels_when_p_values_are_random(p_values):
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(adjust_holm(np.array(p_values)), expected, atol=1e-12)


def test_difference_interval_is_student_t_when_there_are_groups():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(12), 20)
    ours, theirs = (rng.random(240) < p for p in (0.8, 0.7))
    means = (ours.astype(float) - theirs).reshape(12, 20).mean(axis=1)
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    interval = compute_difference_interval(ours.astype(float), theirs.astype(float), group)
    assert interval == pytest.approx(tuple(expected))


@pytest.mark.parametrize(
    ("both", "gain", "loss", "n"), [(0.9, 0.03, 0.05, 300), (0.5, 0.2, 0.1, 60)]
)
def test_difference_interval_has_coverage_when_there_is_no_group(both, gain, loss, n):
    rng = np.random.default_rng(1)
    kinds = rng.choice(4, (2000, n), p=[both, gain, loss, 1 - both - gain - loss])
    covered = 0
    for row in kinds:
        ours, theirs = np.isin(row, (0, 1)).astype(float), np.isin(row, (0, 2)).astype(float)
        low, high = compute_difference_interval(ours, theirs, None)
        covered += low <= gain - loss <= high
    assert 0.93 <= covered / len(kinds) <= 0.985


def test_difference_interval_is_symmetric_when_models_are_equal():
    correct = np.array([1.0] * 90 + [0.0] * 10)
    low, high = compute_difference_interval(correct, correct, None)
    assert low == pytest.approx(-high)
    assert 0 < high < 0.03
    assert compute_difference_interval(correct, correct, np.arange(100) // 10) == (None, None)
