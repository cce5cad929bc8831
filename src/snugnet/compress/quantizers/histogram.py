"""Values counted in bins as they come, and ranges of 8 bits chosen for them.

All ranges hold 0, as TFLite's quantization specification wants it.
"""

import numpy as np

# Bins on each side of 0: of the largest value, a bin is at most a sixteen-thousandth.
BINS = 2**15
LEVELS = 2**8
# How far each end of a range is drawn in for the least error: in steps of 7 %, to a thousandth.
SHRINKAGE = 0.93 ** np.arange(96)


class Histogram:
    """Counts of values in equal bins around 0, whose width doubles as larger values come.

    Memory stays the same however many values are added, and nothing need be known of them before.

    Attributes:
        counts: int64 (2 * BINS,); bin i holds values from (i - BINS) * width on.
        width: A power of two, so that bins of one width are halves of those of the next.
        low: The least value, 0 if none is below.
        high: The greatest value, 0 if none is above.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(2 * BINS, np.int64)
        self.width = 2.0**-60
        self.low = self.high = 0.0

    def add(self, values: np.ndarray) -> None:
        """Count more values, floats of any shape.

        Raises:
            ValueError: If one is NaN or infinite.
        """
        low, high = float(values.min()), float(values.max())
        if not np.isfinite([low, high]).all():
            raise ValueError("NaN or infinite values")
        self.low, self.high = min(self.low, low), max(self.high, high)
        while self.width * BINS <= max(-self.low, self.high):
            self._double()
        bins = np.floor(values.ravel() / self.width).astype(np.int64) + BINS
        self.counts += np.bincount(bins, minlength=2 * BINS)

    def _double(self) -> None:
        """Join neighbours; 0 stays between two bins."""
        pairs = self.counts.reshape(-1, 2).sum(axis=1)
        self.counts = np.pad(pairs, BINS // 2)
        self.width *= 2


def minmax(seen: Histogram) -> tuple[float, float]:
    """Give the range of all values."""
    return seen.low, seen.high


def percentile(seen: Histogram, share: float) -> tuple[float, float]:
    """Give the range that a share of the values does not exceed, and as many do not fall below.

    Wu et al., "Integer Quantization for Deep Learning Inference: Principles and Empirical
    Evaluation" (2020), on calibration.

    Args:
        seen: The values.
        share: Above 50, below 100, in per cent.

    Returns:
        NumPy's percentiles by the method "inverted_cdf", of the values and of their opposites, to a
        bin; of all values if that leaves nothing but 0.
    """
    wanted = share / 100 * seen.counts.sum()
    # The first bin of each end that makes the share full; its outer edge, so that it is inside.
    above = int(np.searchsorted(seen.counts.cumsum(), wanted)) + 1 - BINS
    below = int(np.searchsorted(seen.counts[::-1].cumsum(), wanted)) + 1 - BINS
    high = min(max(0.0, above * seen.width), seen.high)
    low = max(min(0.0, -below * seen.width), seen.low)
    # 0 and its two bins are of no use as a range.
    return (low, high) if high - low > 2 * seen.width else minmax(seen)


def least_error(seen: Histogram) -> tuple[float, float]:
    """Give the range that makes the mean squared error of quantization to 8 bits least.

    A narrow range rounds finely and clips much; each end is tried at shares of the whole range, and
    all pairs of them. Nagel et al., "A White Paper on Neural Network Quantization" (2021), section
    3.1; Banner et al., "Post-Training 4-Bit Quantization of Convolutional Networks for
    Rapid-Deployment" (NeurIPS 2019), derive such ranges for known distributions.

    Returns:
        The best of the pairs, the wider of two that are equal.
    """
    if seen.low == seen.high:
        return minmax(seen)
    centers = (np.arange(-BINS, BINS) + 0.5) * seen.width
    moments = seen.counts * np.stack([np.ones_like(centers), centers, centers**2])
    sums = np.pad(moments.cumsum(axis=1), ((0, 0), (1, 0)))
    best, least = minmax(seen), np.inf
    highs = seen.high * SHRINKAGE if seen.high > 0 else np.zeros(1)
    for low in seen.low * SHRINKAGE if seen.low < 0 else (0.0,):
        errors = _squared_errors(sums, seen.width, low, highs)
        first = int(np.argmin(errors))
        if errors[first] < least:
            best, least = (float(low), float(highs[first])), errors[first]
    return best


def _squared_errors(sums: np.ndarray, width: float, low: float, highs: np.ndarray) -> np.ndarray:
    """Sum the squared errors of quantization, for ranges with one low end, (len(highs),).

    The zero point is a whole number, as in TensorFlow's `fake_quant_with_min_max_vars`. What a
    level stands for are the bins whose centers are nearest to it: its error is that of their sums.

    Args:
        sums: Of counts, of values and of their squares before each bin, (3, 2 * BINS + 1).
        width: Of a bin.
        low: The low end, at most 0.
        highs: The high ends, at least 0; above the low end.
    """
    scales = (highs - low) / (LEVELS - 1)
    levels = (np.arange(LEVELS) - np.rint(-low / scales)[:, np.newaxis]) * scales[:, np.newaxis]
    borders = (levels[:, 1:] + levels[:, :-1]) / 2
    bins = np.clip(np.ceil(borders / width - 0.5), -BINS, BINS).astype(np.int64) + BINS
    ends = np.pad(bins, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 2 * BINS)))
    n, values, squares = np.diff(sums[:, ends], axis=2)
    errors: np.ndarray = (squares - 2 * levels * values + levels**2 * n).sum(axis=1)
    return errors
