"""The confidence level of intervals, unless the user chooses another one."""

CONFIDENCE = 0.95
