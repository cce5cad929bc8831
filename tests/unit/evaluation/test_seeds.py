"""Tests of the statistics across seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from snugnet.evaluation.seeds import COLUMNS, format_seeds_markdown, summarize_seeds
from snugnet.evaluation.table import build_results_table

ACCURACY = [0.90, 0.93, 0.91, 0.95]
LOSS = [-0.02, -0.01, -0.03, -0.015]


def rows(scheme: str, accuracy: list[float], delta: list[float], **changes) -> list[dict]:
    return [
        {
            "model": f"net_s{seed}",
            "family": "net",
            "seed": seed,
            "variant": "original",
            "scheme": scheme,
            "runtime": "litert",
            "status": "ok",
            "accuracy": value,
            "delta_float": difference,
            "p_float": 0.5,
            **changes,
        }
        for seed, (value, difference) in enumerate(zip(accuracy, delta, strict=True), 1)
    ]


def summary_of(*groups: list[dict]) -> pd.DataFrame:
    return summarize_seeds(build_results_table([row for group in groups for row in group]), 0.95)


def test_seed_summary_equals_student_t_when_there_are_four_seeds():
    frame = summary_of(rows("fiq_int8", ACCURACY, LOSS))
    row = frame.iloc[0]
    interval = stats.t.interval(0.95, 3, np.mean(ACCURACY), stats.sem(ACCURACY))
    assert (row["low"], row["high"]) == pytest.approx(interval)
    assert row["stdev"] == pytest.approx(np.std(ACCURACY, ddof=1))
    assert (row["seeds"], row["least"], row["most"]) == (4, 0.90, 0.95)
    paired = stats.ttest_rel(ACCURACY, np.subtract(ACCURACY, LOSS))
    assert row["p_delta_float"] == pytest.approx(paired.pvalue)
    assert row["delta_float"] == pytest.approx(np.mean(LOSS))
    assert row["delta_float_high"] < 0  # as in the paired test


def test_seed_summary_adjusts_p_when_family_has_two_schemes():
    weaker = [-0.02, 0.01, -0.03, 0.005]
    frame = summary_of(rows("drq", ACCURACY, weaker), rows("fiq_int8", ACCURACY, LOSS))
    expected = multipletests(frame["p_delta_float"], method="holm")[1]
    assert frame["p_holm_delta_float"].to_numpy(float) == pytest.approx(expected)
    assert (frame["p_holm_delta_float"] > frame["p_delta_float"]).any()


def test_seed_summary_is_empty_when_there_is_one_seed():
    frame = summary_of(rows("fiq_int8", [0.9], [-0.01]))
    assert frame.empty
    assert list(frame.columns) == COLUMNS


def test_seed_summary_counts_seed_once_when_it_is_repeated():
    frame = summary_of(rows("fiq_int8", ACCURACY, LOSS), rows("fiq_int8", ACCURACY[:1], LOSS[:1]))
    assert frame.iloc[0]["seeds"] == 4


def test_seed_summary_omits_cells_when_they_are_incompatible():
    frame = summary_of(
        rows("fiq_int8", ACCURACY, LOSS),
        rows("akida_v1_w4a4", [np.nan] * 4, [np.nan] * 4, status="incompatible"),
    )
    assert frame["scheme"].tolist() == ["fiq_int8"]


def test_seed_summary_has_no_p_value_when_differences_are_equal():
    # Each loses one sample of 360; quotients differ in their last bits.
    right = [7, 41, 99, 345]
    lost = [(r - 1) / 360 - r / 360 for r in right]
    assert len(set(lost)) > 1
    frame = summary_of(rows("fiq_int8", ACCURACY, lost), rows("float32", ACCURACY, [0.0] * 4))
    assert frame["p_delta_float"].isna().all()
    assert frame.iloc[0]["delta_float"] == pytest.approx(-1 / 360)
    assert pd.isna(frame.iloc[0]["delta_float_low"])
    assert pd.isna(frame.iloc[1]["delta_float"])  # float32 is its own reference


def test_seed_summary_has_errors_when_task_has_no_classes():
    errors, change = [4.0, 5.0, 4.5, 6.0], [0.4, 0.5, 0.3, 0.6]
    cells = rows("fiq_int8", [np.nan] * 4, change, family="regressor")
    for row, error in zip(cells, errors, strict=True):
        row["mae"] = error
    frame = summary_of(rows("fiq_int8", ACCURACY, LOSS), cells)
    assert frame["metric"].tolist() == ["accuracy", "mae"]
    row = frame.iloc[1]
    assert row["mean"] == pytest.approx(np.mean(errors))
    assert (row["low"], row["high"]) == pytest.approx(
        stats.t.interval(0.95, 3, np.mean(errors), stats.sem(errors))
    )
    assert row["delta_float"] == pytest.approx(np.mean(change))
    page = format_seeds_markdown(frame, 0.95)
    assert "| mean absolute error" in page
    assert "4.875 ± 0.8539 [3.516, 6.234]" in page
    assert "4, 6" in page
    assert "+0.45 ↑ [+0.245, +0.655]" in page
    assert "92.25 ± 2.22 %" in page


def test_seeds_markdown_shows_arrow_when_loss_is_significant():
    page = format_seeds_markdown(summary_of(rows("fiq_int8", ACCURACY, LOSS)), 0.95)
    assert "92.25 ± 2.22 %" in page
    assert "-1.88 ↓ [-3.23, -0.52]" in page
    assert format_seeds_markdown(summary_of(rows("fiq_int8", [0.9], [-0.01])), 0.95) == ""
