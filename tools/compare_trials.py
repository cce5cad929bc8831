"""Print how the trials of config/akida_trials.yaml differ, after a run of this study.

python tools/compare_trials.py results/akida_trials/report/metrics.csv
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

REFERENCE = "plain"
CONFIDENCE = 0.95


def compare_trials(metrics: Path) -> str:
    """Return a Markdown table with the accuracy of the reference and the differences of the trials.

    Each row is a variant and a scheme. Figures are means over the seeds with Student's t interval:
    percent for the reference, and percentage points for the paired differences (a seed trains all
    trials with the same order of samples).
    """
    rows = pd.read_csv(metrics)
    rows = rows[rows["runtime"] != "keras"]
    accuracy = 100 * rows.pivot_table(
        index=["family", "seed"], columns=["variant", "scheme"], values="accuracy", sort=False
    )
    trials = [name for name in rows["family"].unique() if name != REFERENCE]
    lines = []
    for column in accuracy.columns:
        values = accuracy[column].unstack("family")
        differences = [values[trial] - values[REFERENCE] for trial in trials]
        cells = [_format_figures(_compute_mean(values[REFERENCE]).clip(0, 100), ".2f")]
        cells += [_format_figures(_compute_mean(difference), "+.2f") for difference in differences]
        lines.append([" ".join(column), *cells])
    header = ["", REFERENCE, *(f"{trial} - {REFERENCE}" for trial in trials)]
    return pd.DataFrame(lines, columns=header).to_markdown(index=False, disable_numparse=True)


def _compute_mean(values: pd.Series) -> np.ndarray:
    """Return the mean and the lower and upper bound of its interval."""
    half = stats.sem(values) * stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
    return np.mean(values) + half * np.array([0, -1, 1])


def _format_figures(figures: np.ndarray, number: str) -> str:
    mean, low, high = (format(figure, number) for figure in figures)
    return f"{mean} [{low}, {high}]"


if __name__ == "__main__":
    print(compare_trials(Path(sys.argv[1])))
