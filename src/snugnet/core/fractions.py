"""Tolerance and text format for fractions, such as accuracies."""

# Sums and quotients of counts differ in their last bits. Smaller differences count as equal.
FRACTION_TOLERANCE = 1e-9


def format_points(difference: float) -> str:
    """Format a difference of fractions in percentage points, with a sign.

    Args:
        difference: Difference of two fractions, such as 0.0123.

    Returns:
        The difference with two decimals, such as `+1.23`. A difference that rounds to 0 is `+0.00`.
    """
    return f"{round(100 * difference, 2) + 0.0:+.2f}"
