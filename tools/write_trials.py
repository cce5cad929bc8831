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

INTRODUCTION = """# Trials

An earlier pipeline for Akida listed what batch normalization, normalized inputs, calibration and
the seed did to a small heart-beat network, one run each, and could not say why accuracies swung.
Here each trial has the same five seeds, on simulated beats that come with this repository:

```
snakemake --cores 2 all --configfile config/akida_trials.yaml
python tools/write_trials.py results/akida_trials/report/metrics.csv
```

Accuracy in per cent on the test split, mean over the seeds with its 95 % interval; beside it the
difference of each trial from that, seed by seed, in points. Akida's rows are of its simulator. All
seeds share one test split: intervals cover the training alone.
"""

CAUSES = """## Why

- **The seed alone** moves a network by up to two points: `plain` on the first generation after
  training, 93.3 to 95.3 %, of which float32 has less than one (95.3 to 96.2 %). Differences of that
  size between single runs, as the earlier table had them, say nothing.
- **Batch normalization**: without it accuracy is lower by the same two points in float32 already,
  so it is the training that suffers, not the chip. Seeds then lie further apart, too.
- **Normalized inputs** gain as much in float32 as on the chip: again the training, whose first
  layer sees numbers around 0 instead of around 128. On the chip that costs the guarantee that
  every input has a level of its own: 58 values of the test split lie outside the program's range
  and saturate (`akida_beyond_program`).
- **Calibration** makes no difference that five seeds show, and hardly can: the ranges inside do not
  come from the samples. `range_max` in `quantized.h5` is 3.75 behind every bounded ReLU (3.98 with
  8 bits), in all trials and with all seeds, with our samples as with quantizeml's random ones; only
  that of the input differs (239 and 254 to 255). How it is with unbounded ReLUs, which the second
  generation takes, was not tried. Snugnet calibrates with the calib split unless a scheme says
  `calibrated: false`.
- **Four bits** cost the first generation a good point after training, of which training with
  quantizers returns most; the second generation, with eight, loses nothing.
- In all 80 programs the simulator's integer potentials are those of Keras: no swing comes from the
  conversion.
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
