"""How much of a figure is luck: mean, spread and tests across the seeds that a study lists.

A test split says how sure one trained network's accuracy is, its seed how another training of the
same network would have come out (Bouthillier et al. 2021, "Accounting for Variance in Machine
Learning Benchmarks"). Here the seeds are the sample: Student's t on one value a seed.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from snugnet.evaluation.statistics import holm, negligible
from snugnet.evaluation.table import points

SAME = ["family", "variant", "scheme", "runtime"]
# Differences whose mean over seeds is tested against none.
COMPARED = ("delta_float", "delta_parent")
COLUMNS = [
    *SAME,
    "seeds",
    "mean",
    "stdev",
    "least",
    "most",
    "low",
    "high",
    *(
        f"{prefix}{name}{ending}"
        for name in COMPARED
        for prefix, ending in (("", ""), ("", "_low"), ("", "_high"), ("p_", ""), ("p_holm_", ""))
    ),
]


def across_seeds(frame: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Summarize the cells that a study makes with several seeds.

    Args:
        frame: As `tabulate` gives it.
        confidence: Of the intervals, in (0, 1).

    Returns:
        One row for each family, variant, scheme and runtime that has at least two seeds, with the
        columns `COLUMNS`: of accuracy mean, standard deviation (n - 1), least, most and the
        interval of the mean; of each difference mean, interval, p and p after Holm within the
        family. What the seeds cannot tell is empty.
    """
    lines = []
    for names, same in frame[frame["status"] == "ok"].groupby(SAME, sort=False):
        # A model listed without seeds has one, too, perhaps one of those that are listed.
        same = same.drop_duplicates("seed")
        if len(same) > 1:
            lines.append({**dict(zip(SAME, names, strict=True)), **_summary(same, confidence)})
    found = pd.DataFrame(lines, columns=COLUMNS)
    for name in COMPARED:
        tested = found[found[f"p_{name}"].notna()]
        for _, index in tested.groupby("family").groups.items():
            p_values = found.loc[index, f"p_{name}"].to_numpy(dtype=float)
            found.loc[index, f"p_holm_{name}"] = holm(p_values)
    return found


def _summary(same: pd.DataFrame, confidence: float) -> dict[str, Any]:
    accuracy = same["accuracy"].to_numpy(dtype=float)
    low, high = _interval(accuracy, confidence)
    return {
        "seeds": len(accuracy),
        "mean": accuracy.mean(),
        "stdev": accuracy.std(ddof=1),
        "least": accuracy.min(),
        "most": accuracy.max(),
        "low": low,
        "high": high,
        **{key: value for name in COMPARED for key, value in _tested(same, name, confidence)},
    }


def _tested(same: pd.DataFrame, name: str, confidence: float) -> list[tuple[str, Any]]:
    """Test a difference: one value a seed, against none (the paired t test)."""
    values = same[name].to_numpy(dtype=float)
    # A float cell is its own reference, and not every variant has a parent.
    if np.isnan(values).any() or (name == "delta_float" and (same["scheme"] == "float32").all()):
        return []
    low, high = _interval(values, confidence)
    # Seeds that all differ alike leave no spread to compare with.
    p = None if low is None else stats.ttest_1samp(values, 0.0).pvalue
    return [(name, values.mean()), (f"{name}_low", low), (f"{name}_high", high), (f"p_{name}", p)]


def _interval(values: np.ndarray, confidence: float) -> tuple[float | None, float | None]:
    """Give Student's t interval of a mean; nothing if the values do not differ."""
    if negligible(values - values[0]):
        return None, None
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * error
    return float(values.mean() - half), float(values.mean() + half)


def seeds_markdown(found: pd.DataFrame, confidence: float) -> str:
    """Lay out what `across_seeds` found for people; nothing if no cell has several seeds."""
    if found.empty:
        return ""
    table: str = pd.DataFrame([line(row) for row in found.to_dict("records")]).to_markdown(
        index=False, disable_numparse=True
    )
    return (
        "\n# Across seeds\n\n"
        f"Mean accuracy with its standard deviation over seeds and the {100 * confidence:g} % "
        "interval of the mean. Points to float and to parent: the mean difference of cells with "
        "the same seed, with its interval; arrows as above, by the paired t test over seeds.\n\n"
        f"{table}\n"
    )


def line(row: Mapping[Any, Any]) -> dict[str, str]:
    """Word a row of what `across_seeds` found."""
    mean = f"{100 * row['mean']:.2f} ± {100 * row['stdev']:.2f} %"
    if not pd.isna(row["low"]):
        mean += f" [{100 * row['low']:.2f}, {100 * row['high']:.2f}]"
    return {
        **{name: str(row[name]) for name in SAME},
        "seeds": str(row["seeds"]),
        "accuracy": mean,
        "least, most": f"{100 * row['least']:.2f}, {100 * row['most']:.2f}",
        "points to float": points(row, "float", "p_holm_delta_float"),
        "points to parent": points(row, "parent", "p_holm_delta_parent"),
    }
