"""The figure by which cells are compared: accuracy, or in tasks without classes an error."""

import math
from dataclasses import dataclass

from snugnet.core.fractions import format_points


@dataclass(frozen=True)
class Headline:
    """Accuracy, or mean absolute error, with its confidence interval.

    Attributes:
        value: Accuracy in 0..1; or the error, in the units of the targets.
        low: Lower end of the interval; None without one.
        high: Upper end of the interval; None without one.
        is_error: Whether it is an error, so that less is better.
    """

    value: float
    low: float | None
    high: float | None
    is_error: bool

    @property
    def name(self) -> str:
        """Name of the figure."""
        return name_headline(self.is_error)

    @property
    def rank(self) -> float:
        """The value, with a sign that makes more better."""
        return -self.value if self.is_error else self.value

    @property
    def best_rank(self) -> float | None:
        """The better end of the interval as a rank; None without an interval."""
        end = self.low if self.is_error else self.high
        if end is None:
            return None
        return -end if self.is_error else end

    def __str__(self) -> str:
        return format_headline(self.value, self.is_error)


def name_headline(is_error: bool) -> str:
    """Return the name of a figure."""
    return "mean absolute error" if is_error else "accuracy"


def format_headline(value: float, is_error: bool) -> str:
    """Format a figure: an accuracy as `95.00 %`, an error with four digits."""
    return f"{value:.4g}" if is_error else f"{100 * value:.2f} %"


def format_interval(low: float | None, high: float | None, is_error: bool) -> str:
    """Format an interval as ` [90.00, 97.50]`; "" without one."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    if is_error:
        return f" [{low:.4g}, {high:.4g}]"
    return f" [{100 * low:.2f}, {100 * high:.2f}]"


def format_difference(difference: float, is_error: bool) -> str:
    """Format a difference: in percentage points, or in the units of the error."""
    return f"{difference:+.3g}" if is_error else format_points(difference)


def is_loss(difference: float, is_error: bool) -> bool:
    """Return whether a difference is for the worse."""
    return difference > 0 if is_error else difference < 0
