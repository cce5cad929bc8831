"""Confidence intervals and tests that respect groups, such as the samples of one patient.

McNemar's test and Wilson's interval assume independent samples. The samples of one patient are not
independent: the interval would be too narrow and the p-value too small. If samples have groups, all
intervals and tests here therefore treat each group as one independent unit (a cluster).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

from snugnet.core.confidence import CONFIDENCE
from snugnet.core.fractions import FRACTION_TOLERANCE

# Up to this number of groups, all sign patterns are tried (2^14). For more groups, the same number
# of patterns is drawn.
EXACT_GROUPS = 14
RESAMPLES = 2**EXACT_GROUPS


class Interval(NamedTuple):
    """A confidence interval.

    Attributes:
        low: Lower end; None if the data are not sufficient for an interval.
        high: Upper end; None likewise.
    """

    low: float | None
    high: float | None


def compute_accuracy_interval(
    correct: np.ndarray, group: np.ndarray | None, confidence: float = CONFIDENCE
) -> Interval:
    """Compute the confidence interval of an accuracy.

    Without groups, and if each sample is either right or wrong: Wilson 1927. Otherwise Student's t
    on cluster means, each weighted by its share of the samples, so that the interval lies around
    the pooled accuracy (the linearized ratio estimator; Cochran 1977, 6.3). With groups of equal
    size, this is the plain t interval of the group means. Multi-label samples without groups are
    their own clusters.

    Args:
        correct: Correctness of each sample, (n,), in 0..1.
        group: Group of each sample, (n,), or None.
        confidence: Confidence level, in (0, 1).
    """
    if group is None and np.isin(correct, (0.0, 1.0)).all():
        return _compute_wilson_interval(int(correct.sum()), len(correct), confidence)
    total, size = _sum_by_cluster(correct, group)
    clusters = len(total)
    if clusters < 2:
        return Interval(None, None)
    pooled = total.sum() / size.sum()
    residual = total - pooled * size
    if is_negligible(residual):
        # All clusters have the same accuracy, mostly 100 %. Their spread is 0 and gives no
        # interval, so Wilson's interval is computed with clusters instead of samples.
        return _compute_wilson_interval(round(pooled * clusters), clusters, confidence)
    half = _compute_half_width(residual, size, confidence)
    return Interval(float(max(0.0, pooled - half)), float(min(1.0, pooled + half)))


def compute_mean_interval(
    values: np.ndarray, group: np.ndarray | None, confidence: float = CONFIDENCE
) -> Interval:
    """Compute the confidence interval of a mean: Student's t on cluster means weighted by size.

    Args:
        values: A value for each sample, (n,), such as an error.
        group: Group of each sample, (n,); None if samples are their own clusters.
        confidence: Confidence level, in (0, 1).
    """
    total, size = _sum_by_cluster(values, group)
    if len(total) < 2:
        return Interval(None, None)
    pooled = total.sum() / size.sum()
    half = _compute_half_width(total - pooled * size, size, confidence)
    return Interval(float(pooled - half), float(pooled + half))


def compute_jackknife_interval(
    parts: np.ndarray,
    group: np.ndarray | None,
    statistic: Callable[[np.ndarray], np.ndarray],
    confidence: float = CONFIDENCE,
) -> Interval:
    """Compute the confidence interval of a statistic of sums over samples.

    Tukey 1958: Student's t on the pseudo-values of the jackknife that leaves out one cluster at a
    time.

    Args:
        parts: Contributions of each sample, (n, k).
        group: Group of each sample, (n,); None if samples are their own clusters.
        statistic: Computes the statistic from sums of contributions, (..., k).
        confidence: Confidence level, in (0, 1).
    """
    sums = parts
    if group is not None:
        _, index = np.unique(group, return_inverse=True)
        sums = np.stack([np.bincount(index, weights=column) for column in parts.T], axis=1)
    clusters = len(sums)
    if clusters < 2:
        return Interval(None, None)
    total = sums.sum(axis=0)
    whole = float(statistic(total))
    if not np.isfinite(whole):
        return Interval(None, None)
    pseudo = clusters * whole - (clusters - 1) * statistic(total - sums)
    if not np.isfinite(pseudo).all():
        return Interval(None, None)
    deviation = float(pseudo.std(ddof=1)) / np.sqrt(clusters)
    half = float(stats.t.ppf((1 + confidence) / 2, clusters - 1)) * deviation
    return Interval(whole - half, whole + half)


def is_negligible(differences: np.ndarray) -> bool:
    """Check whether differences of fractions are 0, apart from rounding errors."""
    return bool(np.abs(differences).max() < FRACTION_TOLERANCE)


def _compute_half_width(residual: np.ndarray, size: np.ndarray, confidence: float) -> float:
    """Compute Student's t times the standard error of a mean of clusters weighted by size."""
    clusters = len(size)
    variance = clusters / (clusters - 1) * np.sum(residual**2) / size.sum() ** 2
    return float(stats.t.ppf((1 + confidence) / 2, clusters - 1) * np.sqrt(variance))


def _compute_wilson_interval(successes: int, n: int, confidence: float) -> Interval:
    result = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return Interval(float(result.low), float(result.high))


def compute_auc_interval(
    truth: np.ndarray, scores: np.ndarray, group: np.ndarray | None, confidence: float = CONFIDENCE
) -> Interval:
    """Compute the confidence interval of the macro area under the ROC curve, by group.

    DeLong et al. 1988 write an area as a mean of placements: the share of the other class that a
    sample outranks. Obuchowski 1997 sums the contributions of the samples of a cluster. Here the
    sums also run over the labels, and Student's t replaces the normal distribution.

    Args:
        truth: Whether a sample has a label, bool (n, k). Each label has samples with and without
            it.
        scores: Scores of the labels, (n, k).
        group: Group of each sample, (n,); None if samples are their own clusters.
        confidence: Confidence level, in (0, 1).
    """
    parts = [_compute_auc_parts(truth[:, k], scores[:, k]) for k in range(truth.shape[1])]
    area = float(np.mean([label_area for label_area, _ in parts]))
    influence = np.mean([label_influence for _, label_influence in parts], axis=0)
    sums, _ = _sum_by_cluster(influence, group)
    clusters = len(sums)
    # Perfect separation has no spread. An interval of width 0 would be wrong for new patients.
    if clusters < 2 or is_negligible(sums):
        return Interval(None, None)
    variance = clusters / (clusters - 1) * np.sum(sums**2)
    half = stats.t.ppf((1 + confidence) / 2, clusters - 1) * np.sqrt(variance)
    return Interval(float(max(0.0, area - half)), float(min(1.0, area + half)))


def _compute_auc_parts(positive: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """Compute the area of one label and the contribution of each sample, (n,), with sum 0."""
    placement = np.empty(len(scores))
    for members in (positive, ~positive):
        opposite = np.sort(scores[~members])
        # Ties count half.
        below = np.searchsorted(opposite, scores[members], "left")
        not_above = np.searchsorted(opposite, scores[members], "right")
        share = (below + not_above) / (2 * len(opposite))
        placement[members] = share if members is positive else 1 - share
    area = float(placement[positive].mean())
    counts = np.where(positive, positive.sum(), (~positive).sum())
    return area, (placement - area) / counts


def _sum_by_cluster(values: np.ndarray, group: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Sum the values, and count the samples, of each group; samples without groups are clusters."""
    if group is None:
        return values, np.ones(len(values))
    _, index = np.unique(group, return_inverse=True)
    return np.bincount(index, weights=values), np.bincount(index).astype(np.float64)


def compute_paired_p(
    correct: np.ndarray, reference: np.ndarray, group: np.ndarray | None, seed: int = 0
) -> float:
    """Test whether two models differ in accuracy on the same samples, two-sided.

    Without groups, and if each sample is either right or wrong: the exact McNemar test. Otherwise a
    sign-flip permutation test of the per-group differences: if the models were equally accurate,
    both signs of a group's difference would be equally likely.

    Args:
        correct: Correctness of each sample with the model, (n,), in 0..1.
        reference: Correctness of the same samples with the reference model, (n,), in 0..1.
        group: Group of each sample, (n,), or None.
        seed: Seed of the drawn sign patterns. They are drawn if there are too many to try all.

    Returns:
        The p-value; 1.0 if the models never differ.
    """
    is_binary = np.isin(correct, (0.0, 1.0)).all() and np.isin(reference, (0.0, 1.0)).all()
    if group is None and is_binary:
        gained = int(np.sum(correct > reference))
        lost = int(np.sum(correct < reference))
        return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    difference, _ = _sum_by_cluster(correct - reference, group)
    return _compute_sign_flip_p(difference, seed)


def compute_difference_interval(
    correct: np.ndarray,
    reference: np.ndarray,
    group: np.ndarray | None,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Compute the interval of the difference in accuracy of two models on the same samples.

    Without groups, and if each sample is either right or wrong: Agresti and Min 2005, Wald's
    interval with half a sample added to each cell of the 2 x 2 table. Otherwise as
    `compute_accuracy_interval`, with the differences of the samples; if the difference is the same
    in all clusters, their spread gives no interval.

    Args:
        correct: Correctness of each sample with the model, (n,), in 0..1.
        reference: Correctness of the same samples with the reference model, (n,), in 0..1.
        group: Group of each sample, (n,), or None.
        confidence: Confidence level, in (0, 1).
    """
    difference = correct - reference
    if (
        group is None
        and np.isin(correct, (0.0, 1.0)).all()
        and np.isin(reference, (0.0, 1.0)).all()
    ):
        gained, lost = (0.5 + np.sum(difference == sign) for sign in (1, -1))
        n = len(difference) + 2
        middle = (gained - lost) / n
        half = stats.norm.ppf((1 + confidence) / 2)
        half *= np.sqrt(gained + lost - (gained - lost) ** 2 / n) / n
        return Interval(float(middle - half), float(middle + half))
    total, size = _sum_by_cluster(difference, group)
    if len(total) < 2:
        return Interval(None, None)
    pooled = total.sum() / size.sum()
    residual = total - pooled * size
    if is_negligible(residual):
        return Interval(None, None)
    half = _compute_half_width(residual, size, confidence)
    return Interval(float(pooled - half), float(pooled + half))


def _compute_sign_flip_p(difference: np.ndarray, seed: int) -> float:
    # A sign does not change groups without any difference. Sums of fractions that should be 0 have
    # rounding errors.
    difference = difference[np.abs(difference) > FRACTION_TOLERANCE]
    if len(difference) == 0:
        return 1.0
    # Equal sums may differ by rounding errors, but must count as equal.
    observed = abs(difference.sum()) * (1 - FRACTION_TOLERANCE)
    if len(difference) <= EXACT_GROUPS:
        patterns = np.arange(2 ** len(difference))[:, np.newaxis]
        signs = 1.0 - 2.0 * ((patterns >> np.arange(len(difference))) & 1)
        return float(np.mean(np.abs(signs @ difference) >= observed))
    rng = np.random.default_rng(seed)
    as_extreme = 0
    for _ in range(0, RESAMPLES, 512):  # in batches, because there may be thousands of groups
        signs = rng.choice((-1.0, 1.0), (512, len(difference)))
        as_extreme += int(np.sum(np.abs(signs @ difference) >= observed))
    # The observed pattern is one of the possible ones (Phipson and Smyth 2010).
    return (as_extreme + 1) / (RESAMPLES + 1)


def adjust_holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for multiple tests (Holm 1979).

    Args:
        p_values: p-values, (m,), in 0..1.

    Returns:
        Adjusted p-values in the same order, (m,), at most 1.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted
