"""Fractions, such as accuracies: when two of them are the same, and how a difference is worded."""

# Sums and quotients of counts differ in their last bits; smaller differences are none.
LAST_BITS = 1e-9


def in_points(difference: float) -> str:
    """Write a difference in hundredths; one that rounds to nothing has no minus."""
    return f"{round(100 * difference, 2) + 0.0:+.2f}"


# The share of zeros, or of removed parameters, may miss its target by this much.
SPARSITY_TOLERANCE = 0.005
