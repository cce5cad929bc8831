"""How sure a figure is, with samples of one patient or subject treated as what they are: related.

McNemar's test and Wilson's interval take samples as independent. Within a patient they are not,
and those formulas then claim far too much; so whatever has groups is judged by group.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from snugnet.core.fractions import FRACTION_TOLERANCE

# Up to this many groups all sign patterns are tried (2^14); above, as many are drawn.
EXACT_GROUPS = 14
RESAMPLES = 2**EXACT_GROUPS


class Interval(NamedTuple):
    """A confidence interval; both ends None where there is too little to say."""

    low: float | None
    high: float | None


def accuracy_interval(
    correct: np.ndarray, group: np.ndarray | None, confidence: float = 0.95
) -> Interval:
    """Give the interval of an accuracy.

    Without groups and with right-or-wrong samples: Wilson 1927. Otherwise Student's t on cluster
    means, each weighted by its share of the samples, so that the interval lies around the pooled
    accuracy (the linearized ratio estimator; Cochran 1977, 6.3); with groups of equal size that
    is the plain t interval of the group means. Multi-label samples without groups are their own
    clusters.

    Args:
        correct: (n,) in 0..1.
        group: (n,) or None.
        confidence: Of the interval, in (0, 1).
    """
    if group is None and np.isin(correct, (0.0, 1.0)).all():
        return _wilson(int(correct.sum()), len(correct), confidence)
    right, size = _by_cluster(correct, group)
    clusters = len(right)
    if clusters < 2:
        return Interval(None, None)
    pooled = right.sum() / size.sum()
    residual = right - pooled * size
    if negligible(residual):
        # All clusters agree, mostly at 100 %: spread says nothing, so count clusters instead.
        return _wilson(round(pooled * clusters), clusters, confidence)
    half = _half_width(residual, size, confidence)
    return Interval(float(max(0.0, pooled - half)), float(min(1.0, pooled + half)))


def negligible(differences: np.ndarray) -> bool:
    """Tell whether differences of fractions are none but for their last bits."""
    return bool(np.abs(differences).max() < FRACTION_TOLERANCE)


def _half_width(residual: np.ndarray, size: np.ndarray, confidence: float) -> float:
    """Give Student's t times the standard error of a mean of clusters weighted by their size."""
    clusters = len(size)
    variance = clusters / (clusters - 1) * np.sum(residual**2) / size.sum() ** 2
    return float(stats.t.ppf((1 + confidence) / 2, clusters - 1) * np.sqrt(variance))


def _wilson(successes: int, n: int, confidence: float) -> Interval:
    result = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return Interval(float(result.low), float(result.high))


def auc_interval(
    truth: np.ndarray, scores: np.ndarray, group: np.ndarray | None, confidence: float = 0.95
) -> Interval:
    """Give the interval of a macro area under the ROC curve, by group.

    DeLong et al. 1988 write an area as a mean of placements, the share of the other class that a
    sample outranks; Obuchowski 1997 sums what the samples of a cluster contribute. Here the sums
    run over the labels too, and Student's t takes the place of the normal distribution.

    Args:
        truth: bool (n, k), whether a sample has a label; each label has both kinds.
        scores: (n, k).
        group: (n,) or None, where samples are their own clusters.
        confidence: Of the interval, in (0, 1).
    """
    parts = [_auc_parts(truth[:, k], scores[:, k]) for k in range(truth.shape[1])]
    area = float(np.mean([label_area for label_area, _ in parts]))
    influence = np.mean([label_influence for _, label_influence in parts], axis=0)
    sums, _ = _by_cluster(influence, group)
    clusters = len(sums)
    # Perfect separation has no spread, which says nothing about the next patient.
    if clusters < 2 or negligible(sums):
        return Interval(None, None)
    variance = clusters / (clusters - 1) * np.sum(sums**2)
    half = stats.t.ppf((1 + confidence) / 2, clusters - 1) * np.sqrt(variance)
    return Interval(float(max(0.0, area - half)), float(min(1.0, area + half)))


def _auc_parts(positive: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """Give the area of one label and what each sample contributes to it, (n,), of sum 0."""
    placement = np.empty(len(scores))
    for mine in (positive, ~positive):
        others = np.sort(scores[~mine])
        # Ties count half.
        below = np.searchsorted(others, scores[mine], "left")
        not_above = np.searchsorted(others, scores[mine], "right")
        share = (below + not_above) / (2 * len(others))
        placement[mine] = share if mine is positive else 1 - share
    area = float(placement[positive].mean())
    counts = np.where(positive, positive.sum(), (~positive).sum())
    return area, (placement - area) / counts


def _by_cluster(correct: np.ndarray, group: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Sum what is right, and count samples, in each group."""
    if group is None:
        return correct, np.ones(len(correct))
    _, index = np.unique(group, return_inverse=True)
    return np.bincount(index, weights=correct), np.bincount(index).astype(np.float64)


def paired_p(
    correct: np.ndarray, reference: np.ndarray, group: np.ndarray | None, seed: int = 0
) -> float:
    """Test whether two models differ in accuracy on the same samples, two-sided.

    Without groups and with right-or-wrong samples: the exact McNemar test. Otherwise a sign-flip
    permutation test of the per-group differences: if the models were alike, each group's
    difference could as well have had the other sign.

    Args:
        correct: (n,) in 0..1, of one model.
        reference: (n,) of the other, on the same samples.
        group: (n,) or None.
        seed: Of the drawn sign patterns, where there are too many to try all.

    Returns:
        The p-value; 1.0 where the models never differ.
    """
    right_or_wrong = np.isin(correct, (0.0, 1.0)).all() and np.isin(reference, (0.0, 1.0)).all()
    if group is None and right_or_wrong:
        gained = int(np.sum(correct > reference))
        lost = int(np.sum(correct < reference))
        return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    difference, _ = _by_cluster(correct - reference, group)
    return _sign_flip_p(difference, seed)


def difference_interval(
    correct: np.ndarray,
    reference: np.ndarray,
    group: np.ndarray | None,
    confidence: float = 0.95,
) -> Interval:
    """Give the interval of the difference in accuracy of two models on the same samples.

    Without groups and with right-or-wrong samples: Agresti and Min 2005, Wald's interval with half
    a sample added to each cell of the 2 x 2 table. Otherwise as `accuracy_interval`, of the
    samples' differences; where all clusters differ alike, their spread says nothing.

    Args:
        correct: (n,) in 0..1, of one model.
        reference: (n,) of the other, on the same samples.
        group: (n,) or None.
        confidence: Of the interval, in (0, 1).
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
    total, size = _by_cluster(difference, group)
    if len(total) < 2:
        return Interval(None, None)
    pooled = total.sum() / size.sum()
    residual = total - pooled * size
    if negligible(residual):
        return Interval(None, None)
    half = _half_width(residual, size, confidence)
    return Interval(float(pooled - half), float(pooled + half))


def _sign_flip_p(difference: np.ndarray, seed: int) -> float:
    # Groups without any difference are the same under either sign; sums of fractions that should
    # cancel leave some last bits.
    difference = difference[np.abs(difference) > FRACTION_TOLERANCE]
    if len(difference) == 0:
        return 1.0
    # Sums of fractions differ in their last bits; a tie must count as a tie.
    observed = abs(difference.sum()) * (1 - FRACTION_TOLERANCE)
    if len(difference) <= EXACT_GROUPS:
        patterns = np.arange(2 ** len(difference))[:, np.newaxis]
        signs = 1.0 - 2.0 * ((patterns >> np.arange(len(difference))) & 1)
        return float(np.mean(np.abs(signs @ difference) >= observed))
    rng = np.random.default_rng(seed)
    as_extreme = 0
    for _ in range(0, RESAMPLES, 512):  # in portions, since there may be thousands of groups
        signs = rng.choice((-1.0, 1.0), (512, len(difference)))
        as_extreme += int(np.sum(np.abs(signs @ difference) >= observed))
    # The observed pattern is one of the possible ones (Phipson and Smyth 2010).
    return (as_extreme + 1) / (RESAMPLES + 1)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number (Holm 1979); the order is kept.

    Args:
        p_values: (m,) in 0..1.

    Returns:
        (m,) adjusted p-values, at most 1.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted
