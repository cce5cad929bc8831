"""Histograms of activations, and rules that choose 8-bit ranges for them.

All ranges contain 0, as TFLite's quantization specification requires.
"""

import numpy as np

# Number of bins on each side of 0. A bin is at most 1/16,384 of the largest value wide.
BINS = 2**15
LEVELS = 2**8
# Factors by which each end of the range is multiplied in the search for the smallest error: in
# steps of 7 %, down to a thousandth.
SHRINKAGE = 0.93 ** np.arange(96)


class Histogram:
    """Counts of values in equal bins around 0, whose width doubles when larger values are added.

    The memory does not depend on the number of values, and their range need not be known before.

    Attributes:
        counts: int64 (2 * BINS,); bin i contains the values in [(i - BINS) * width,
            (i + 1 - BINS) * width).
        width: Width of a bin; a power of two, so that each wider bin is the union of two narrower
            ones.
        low: The smallest value; 0 if no value is negative.
        high: The largest value; 0 if no value is positive.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(2 * BINS, np.int64)
        self.width = 2.0**-60
        self.low = self.high = 0.0

    def add(self, values: np.ndarray) -> None:
        """Count more values.

        Args:
            values: Floats of any shape.

        Raises:
            ValueError: If a value is NaN or infinite.
        """
        low, high = float(values.min()), float(values.max())
        if not np.isfinite([low, high]).all():
            raise ValueError("NaN or infinite values")
        self.low, self.high = min(self.low, low), max(self.high, high)
        while self.width * BINS <= max(-self.low, self.high):
            self._double_width()
        bins = np.floor(values.ravel() / self.width).astype(np.int64) + BINS
        self.counts += np.bincount(bins, minlength=2 * BINS)

    def _double_width(self) -> None:
        """Merge pairs of neighboring bins; 0 remains the border between two bins."""
        pairs = self.counts.reshape(-1, 2).sum(axis=1)
        self.counts = np.pad(pairs, BINS // 2)
        self.width *= 2


def compute_minmax_range(histogram: Histogram) -> tuple[float, float]:
    """Compute the range of all values.

    Args:
        histogram: The values.

    Returns:
        The lower and the upper end.
    """
    return histogram.low, histogram.high


def compute_percentile_range(histogram: Histogram, share: float) -> tuple[float, float]:
    """Compute the range between a percentile and the opposite percentile of the values.

    Wu et al., "Integer Quantization for Deep Learning Inference: Principles and Empirical
    Evaluation" (2020), on calibration.

    Args:
        histogram: The values.
        share: The percentile: above 50 and below 100, in percent. This share of the values is at
            most the upper end, and the same share is at least the lower end.

    Returns:
        The lower and the upper end, with an error of at most one bin. The upper end is NumPy's
        percentile of the values by the method "inverted_cdf". The lower end is the negative of that
        percentile of the negated values. If this range would contain only 0, the range of all
        values is returned.
    """
    count = share / 100 * histogram.counts.sum()
    # From each end, the first bin at which `count` values are reached. Its outer edge is used, so
    # that the whole bin is inside.
    above = int(np.searchsorted(histogram.counts.cumsum(), count)) + 1 - BINS
    below = int(np.searchsorted(histogram.counts[::-1].cumsum(), count)) + 1 - BINS
    high = min(max(0.0, above * histogram.width), histogram.high)
    low = max(min(0.0, -below * histogram.width), histogram.low)
    # A range of only the two bins beside 0 is useless.
    return (low, high) if high - low > 2 * histogram.width else compute_minmax_range(histogram)


def compute_mse_range(histogram: Histogram) -> tuple[float, float]:
    """Compute the range with the smallest mean squared error (MSE) of 8-bit quantization.

    A narrow range has small rounding errors, but clips many values. Each end of the range of all
    values is multiplied by the factors in `SHRINKAGE`, and all pairs of ends are tried. Nagel et
    al., "A White Paper on Neural Network Quantization" (2021), section 3.1. Banner et al.,
    "Post-Training 4-Bit Quantization of Convolutional Networks for Rapid-Deployment" (NeurIPS
    2019), derive such ranges for known distributions.

    Args:
        histogram: The values.

    Returns:
        The lower and the upper end; of two ranges with the same error, the wider one.
    """
    if histogram.low == histogram.high:
        return compute_minmax_range(histogram)
    centers = (np.arange(-BINS, BINS) + 0.5) * histogram.width
    moments = histogram.counts * np.stack([np.ones_like(centers), centers, centers**2])
    sums = np.pad(moments.cumsum(axis=1), ((0, 0), (1, 0)))
    best, smallest_error = compute_minmax_range(histogram), np.inf
    lows = histogram.low * SHRINKAGE if histogram.low < 0 else np.zeros(1)
    highs = histogram.high * SHRINKAGE if histogram.high > 0 else np.zeros(1)
    for low in lows:
        errors = _compute_squared_errors(sums, histogram.width, low, highs)
        first = int(np.argmin(errors))
        if errors[first] < smallest_error:
            best, smallest_error = (float(low), float(highs[first])), errors[first]
    return best


def _compute_squared_errors(
    sums: np.ndarray, width: float, low: float, highs: np.ndarray
) -> np.ndarray:
    """Compute the sums of squared quantization errors of ranges with the same lower end.

    The zero point is an integer, as in TensorFlow's `fake_quant_with_min_max_vars`. Each bin is
    assigned to the level that is nearest to its center. The error of a level is computed from the
    sums over its bins.

    Args:
        sums: Sums of the counts, the values and the squared values over all bins before each bin,
            (3, 2 * BINS + 1).
        width: Width of a bin.
        low: The lower end, at most 0.
        highs: The upper ends, at least 0 and above the lower end.

    Returns:
        float64 (len(highs),).
    """
    scales = (highs - low) / (LEVELS - 1)
    levels = (np.arange(LEVELS) - np.rint(-low / scales)[:, np.newaxis]) * scales[:, np.newaxis]
    borders = (levels[:, 1:] + levels[:, :-1]) / 2
    bins = np.clip(np.ceil(borders / width - 0.5), -BINS, BINS).astype(np.int64) + BINS
    ends = np.pad(bins, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 2 * BINS)))
    n, values, squares = np.diff(sums[:, ends], axis=2)
    errors: np.ndarray = (squares - 2 * levels * values + levels**2 * n).sum(axis=1)
    return errors
