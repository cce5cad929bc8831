"""Statistics across seeds: mean, spread and tests of accuracy or error over the seeds of a study.

The interval of one cell covers the choice of test samples. The spread across seeds covers the
training: another seed gives another network (Bouthillier et al. 2021, "Accounting for Variance in
Machine Learning Benchmarks"). Here the seeds are the sample: Student's t on one value per seed.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from snugnet.evaluation.headline import format_headline, format_interval, name_headline
from snugnet.evaluation.statistics import adjust_holm, is_negligible
from snugnet.evaluation.table import describe_difference, has_errors

# Columns that identify a cell, apart from its seed.
KEYS = ["family", "variant", "scheme", "runtime"]
# Differences whose mean over seeds is compared with 0.
DIFFERENCES = ("delta_float", "delta_parent")
# The columns of seeds.csv.
COLUMNS = [
    *KEYS,
    "metric",
    "seeds",
    "mean",
    "stdev",
    "least",
    "most",
    "low",
    "high",
    "delta_float",
    "delta_float_low",
    "delta_float_high",
    "p_delta_float",
    "p_holm_delta_float",
    "delta_parent",
    "delta_parent_low",
    "delta_parent_high",
    "p_delta_parent",
    "p_holm_delta_parent",
]


def summarize_seeds(frame: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Summarize the cells that a study has with several seeds.

    Args:
        frame: Rows of metrics.csv, as `build_results_table` returns them.
        confidence: Confidence level of the intervals, in (0, 1).

    Returns:
        The rows of seeds.csv: one row for each family, variant, scheme and runtime with at least
        two seeds, with the columns `COLUMNS`. `metric` is `accuracy`, or `mae` in tasks without
        classes. For this metric: mean, standard deviation (n - 1), minimum, maximum and the
        interval of the mean. For each difference: mean, interval, p-value
        and p-value after Holm's correction within the family. A value that cannot be computed is
        missing.
    """
    lines = []
    measured = frame[frame["status"] == "ok"]
    for names, cells in measured.groupby(KEYS, sort=False):
        # A model that is listed without seeds has a seed too, which may also be a listed one.
        cells = cells.drop_duplicates("seed")
        if len(cells) > 1:
            keys = dict(zip(KEYS, names, strict=True))
            lines.append({**keys, **_summarize_cells(cells, confidence)})
    summary = pd.DataFrame(lines, columns=COLUMNS)
    for name in DIFFERENCES:
        tested = summary[summary[f"p_{name}"].notna()]
        for _, index in tested.groupby("family").groups.items():
            p_values = summary.loc[index, f"p_{name}"].to_numpy(dtype=float)
            summary.loc[index, f"p_holm_{name}"] = adjust_holm(p_values)
    return summary


def _summarize_cells(cells: pd.DataFrame, confidence: float) -> dict[str, Any]:
    """Summarize cells that differ only in their seed."""
    metric = "mae" if cells["mae"].notna().all() else "accuracy"
    values = cells[metric].to_numpy(dtype=float)
    low, high = _compute_interval(values, confidence)
    summary: dict[str, Any] = {
        "metric": metric,
        "seeds": len(values),
        "mean": values.mean(),
        "stdev": values.std(ddof=1),
        "least": values.min(),
        "most": values.max(),
        "low": low,
        "high": high,
    }
    for name in DIFFERENCES:
        summary.update(_test_difference(cells, name, confidence))
    return summary


def _test_difference(cells: pd.DataFrame, name: str, confidence: float) -> dict[str, Any]:
    """Test the mean of a difference against 0 with the paired t test, one value per seed.

    Args:
        cells: Cells that differ only in their seed.
        name: Column of the difference.
        confidence: Confidence level of the interval, in (0, 1).

    Returns:
        Mean, interval and p-value by column; empty if any cell lacks the difference, and for
        `delta_float` of float32 cells. If all seeds have the same difference, there is no spread:
        interval and p-value are then None.
    """
    values = cells[name].to_numpy(dtype=float)
    # A float32 cell is its own reference, and not every variant has a parent.
    is_reference = name == "delta_float" and (cells["scheme"] == "float32").all()
    if np.isnan(values).any() or is_reference:
        return {}
    low, high = _compute_interval(values, confidence)
    p = None if low is None else stats.ttest_1samp(values, 0.0).pvalue
    return {name: values.mean(), f"{name}_low": low, f"{name}_high": high, f"p_{name}": p}


def _compute_interval(values: np.ndarray, confidence: float) -> tuple[float | None, float | None]:
    """Compute Student's t interval of a mean; (None, None) if all values are equal."""
    if is_negligible(values - values[0]):
        return None, None
    standard_error = values.std(ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * standard_error
    return float(values.mean() - half), float(values.mean() + half)


def format_seeds_markdown(summary: pd.DataFrame, confidence: float) -> str:
    """Format the summary across seeds as a section of metrics.md.

    Args:
        summary: Rows of seeds.csv, as `summarize_seeds` returns them.
        confidence: Confidence level of the intervals, in (0, 1).

    Returns:
        Markdown; empty if no cell has several seeds.
    """
    if summary.empty:
        return ""
    lines = pd.DataFrame([format_seed_row(row) for row in summary.to_dict("records")]).fillna("")
    table: str = lines.to_markdown(index=False, disable_numparse=True)
    interval = f"{100 * confidence:g} %"
    return (
        "\n# Across seeds\n\n"
        "Accuracy or mean absolute error: mean ± standard deviation over seeds, and the "
        f"{interval} interval of the mean. Δ vs float32 and Δ vs parent: mean difference of cells "
        f"with the same seed, and its {interval} interval. Arrows as above, by the paired t test "
        "over seeds.\n\n"
        f"{table}\n"
    )


def format_seed_row(row: Mapping[Any, Any]) -> dict[str, str]:
    """Format a row of seeds.csv as texts by heading."""
    is_error = has_errors(row)
    units = (" [%]", " [points]") if not is_error else ("", "")
    figures = [format_headline(row[key], is_error) for key in ("mean", "stdev", "least", "most")]
    mean, stdev, least, most = (figure.removesuffix(" %") for figure in figures)
    return {
        **{name: str(row[name]) for name in KEYS},
        "seeds": str(row["seeds"]),
        name_headline(is_error): f"{mean} ± {stdev}{'' if is_error else ' %'}"
        + format_interval(row["low"], row["high"], is_error),
        f"min, max{units[0]}": f"{least}, {most}",
        f"Δ vs float32{units[1]}": describe_difference(row, "float", "p_holm_delta_float"),
        f"Δ vs parent{units[1]}": describe_difference(row, "parent", "p_holm_delta_parent"),
    }
