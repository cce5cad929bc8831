"""Store the rows of the Akida trials in docs/trials.csv, and write docs/akida_trials.md from them.

python tools/write_trials.py results/akida_trials/report/metrics.csv   # after the study
python tools/write_trials.py                                           # the page alone
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

DOCS = Path(__file__).parent.parent / "docs"
KEPT = DOCS / "trials.csv"
PAGE = DOCS / "akida_trials.md"
COLUMNS = ["family", "seed", "variant", "scheme", "runtime", "n", "accuracy", "akida_potentials"]
START = "plain"
CONFIDENCE = 0.95

INTRODUCTION = """# Trials on Akida

These trials measure the effects of batch normalization, normalized inputs, calibration and the seed
on a small network for heart beats. An earlier pipeline had measured each of them with a single run,
and could not explain the different accuracies. Here each trial has the same five seeds. The
simulated heart beats come with this repository:

```
snakemake --cores 2 all --configfile config/akida_trials.yaml
python tools/write_trials.py results/akida_trials/report/metrics.csv
```

`plain` is the network with batch normalization, integer inputs (0 to 255) and calibration. The
column has its accuracy on the test split in percent: the mean over the seeds with its 95 %
interval. Each other column has the difference of a trial from `plain` in percentage points,
computed for each seed and then averaged. Akida's accuracies are those of its simulator. All seeds
use the same test split, so the intervals show only the randomness of training.
"""

CAUSES = """## Causes

- **Seed.** The seed alone changes the accuracy by up to two points. With PTQ for the first
  generation, `plain` has 93.3 to 95.3 %. In float32, the seeds differ by less than one point (95.3
  to 96.2 %). Differences of this size between single runs, as in the earlier table, show nothing.
- **Batch normalization** (`unnormalized` has none). Without it, accuracy is already about two
  points lower in float32. So the training is worse, not the chip. The accuracies of the seeds also
  differ more.
- **Normalized inputs** (`standardized`). They increase the accuracy in float32 as much as on the
  chip. So the training is better: its first layer gets numbers around 0 instead of around 128. On
  the chip, standardized inputs have a disadvantage: 58 values of the test split are outside the
  range of the program's input and saturate (`akida_beyond_program`).
- **Calibration** (`uncalibrated` uses quantizeml's random samples). Five seeds show no difference.
  The reason is that the ranges of the bounded ReLUs do not come from the samples: `range_max` in
  `quantized.h5` is 3.75 (3.98 with 8 bits) for each of them, in all trials and with all seeds. Only
  the range of the input differs (239, and 254 to 255). Unbounded ReLUs, which the second generation
  supports, were not tested. Snugnet calibrates with the calib split, unless a scheme has the
  setting `calibrated: false`.
- **Four bits.** With PTQ, the first generation loses more than one point. QAT recovers most of it.
  The second generation, with eight bits, loses nothing.
- **Conversion.** In all 80 programs, the integer potentials of the simulator equal those of Keras.
  So the conversion causes no difference.
"""


def keep(table: Path) -> None:
    """Store the rows that the page needs."""
    pd.read_csv(table)[COLUMNS].to_csv(KEPT, index=False)


def page() -> str:
    """Return the page: the measured figures and their explanation."""
    rows = pd.read_csv(KEPT)
    rows = rows[rows["runtime"] != "keras"]
    accuracy = rows.pivot_table(
        index=["family", "seed"], columns=["variant", "scheme"], values="accuracy", sort=False
    )
    trials = list(dict.fromkeys(accuracy.index.get_level_values("family")))
    lines = []
    for column in accuracy.columns:
        values = {trial: 100 * accuracy.loc[trial, column] for trial in trials}
        cells = [_mean(values[START])]
        cells += [_difference(values[trial], values[START]) for trial in trials if trial != START]
        lines.append([" ".join(column), *cells])
    header = ["", START, *(f"{trial} - {START}" for trial in trials if trial != START)]
    table = pd.DataFrame(lines, columns=header).to_markdown(index=False, disable_numparse=True)
    return f"{INTRODUCTION}\n{table}\n\n{CAUSES}"


def _mean(values: pd.Series) -> str:
    low, high = _interval(values.to_numpy())
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


def _difference(values: pd.Series, start: pd.Series) -> str:
    """Return the mean paired difference: a seed gives the same order of samples in each trial."""
    apart = (values - start).to_numpy()
    low, high = _interval(apart)
    return f"{apart.mean():+.2f} [{low:+.2f}, {high:+.2f}]"


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Return Student's t interval of a mean over seeds."""
    half = stats.sem(values) * stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
    return values.mean() - half, values.mean() + half


if __name__ == "__main__":
    for table in sys.argv[1:]:
        keep(Path(table))
    PAGE.write_text(page())
