"""Tests of the table that compares the Akida trials."""

import itertools

import pandas as pd

from tests.project.test_docs import script

ACCURACY = {("plain", 1): 0.90, ("plain", 2): 0.92, ("other", 1): 0.93, ("other", 2): 0.96}


def test_compare_trials_pairs_seeds_when_trials_differ(tmp_path):
    rows = [
        {"family": family, "seed": seed, "variant": "original", "scheme": "akida_v2_w8a8"}
        | {"runtime": runtime, "accuracy": accuracy if runtime == "akida" else 0.5}
        for ((family, seed), accuracy), runtime in itertools.product(
            ACCURACY.items(), ["keras", "akida"]
        )
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    table = script("compare_trials").compare_trials(tmp_path / "metrics.csv")
    # Two seeds: half the width is t(0.975, 1) = 12.7062 times the standard error of the mean.
    # Accuracy is at most 100.
    # plain: 91 and 1 point of standard error; differences: 3 and 4, 0.5 points of standard error.
    assert "91.00 [78.29, 100.00]" in table
    assert "+3.50 [-2.85, +9.85]" in table
    assert "other - plain" in table
