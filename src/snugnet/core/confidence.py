"""Confidence level of intervals, and the minimum number of groups that they need."""

from snugnet.core.text import format_count

# Unless the user chooses another one.
CONFIDENCE = 0.95
# With fewer groups in a test split, intervals are not reliable.
MIN_GROUPS = 5


def describe_few_groups(groups: int | None, is_pooled: bool = False) -> str | None:
    """Return a warning about intervals from few groups, with advice.

    Args:
        groups: Number of groups of the test samples; None without groups.
        is_pooled: Whether the samples are those of all folds of a cross-validation.

    Returns:
        The warning; None if the groups suffice, or there are none.
    """
    if groups is None or groups >= MIN_GROUPS:
        return None
    advice = "Use more groups"
    if not is_pooled:
        advice += (
            ", or a study that trains the model once without each of them (`folds: "
            "leave_one_group_out` of the dataset)"
        )
    return (
        f"only {format_count(groups, 'group')} in the test samples. Intervals and tests of so few "
        f"groups are not reliable. {advice}."
    )
