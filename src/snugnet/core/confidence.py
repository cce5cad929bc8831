"""What intervals need: their confidence level, and a minimum number of groups."""

# Unless the user chooses another one.
CONFIDENCE = 0.95
# With fewer groups in a test split, an interval says little.
MIN_GROUPS = 5
