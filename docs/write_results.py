"""Keep measured rows in docs/results/, and write docs/results.md from them.

python docs/write_results.py --keep results/real/report/metrics.csv   # after a real study
python docs/write_results.py                                          # the page alone
"""

import argparse
from pathlib import Path

import pandas as pd

from snugnet.analysis.table import markdown

DOCS = Path(__file__).parent
KEPT = DOCS / "results"
PAGE = DOCS / "results.md"

INTRODUCTION = """# Results on real data

Measured on two cores of one x86-64 machine with

```
snakemake --cores 2 all --configfile config/real.yaml --config datasets_dir=...
python docs/write_results.py --keep results/real/report/metrics.csv
```

in two shards of models (`--config 'study=[{models: [...]}]'`), half an hour in all. Every row is in
[`docs/results/`](results/), one file a model. Epochs,
settings and architectures were chosen on val, and calibration samples come from train. The test
splits had been scored before with settings given up since (an earlier form of the 12-lead networks,
other training of the InceptionNets); no choice was made by those scores.

What to know before reading:

- `ecg_inception` follows the protocol of the field's tables (classes N L R V A, stratified random
  split by beat): beats of one patient are in train and in test, so the figure says little about a
  new patient. `ecg_inception_interpatient` is the harder one (DS1 for train and val, DS2 for test,
  five AAMI classes); by the published division, in which records 201 and 202, on either side, are
  of one person.
- `smartwatch_…` are the six body activities of WISDM (watch), split by subject, 46 of 51 subjects;
  `…_raw` are trained and quantized in m/s² and rad/s, without standardization.
- `bspc_…` are folds 1 to 8 of a PTB-XL subset of 1,763 records, standardized per lead: six folds to
  train, fold 7 for val, fold 8 for test. The published benchmark trains on ten times as many.
- Intervals and tests take the patient, subject or record as the unit wherever the data name one.
"""

# What the systems that Snugnet grew from report for themselves. Their data and splits differ from
# ours: landmarks, not opponents. (model, what, their float, their int8, in per cent)
SEEDS = [
    ("ecg_inception", "quantized InceptionNet in NumPy, MIT-BIH", None, 98.11),
    ("mnist_fc", "PTQ tutorial, MNIST", 97.05, 97.04),
    ("smartwatch_lean", "slides, own data", 93.4, 80.9),
    ("smartwatch_fat", "slides, own data", 94.9, 82.1),
    ("bspc_lean", "slides, binary accuracy", 86.2, 84.3),
    ("bspc_fat", "slides, binary accuracy", 87.8, 87.4),
    ("bspc_gap_lean", "slides, binary accuracy", 85.9, 84.1),
    ("bspc_gap_fat", "slides, binary accuracy", 87.5, 86.6),
]


def keep(table: Path) -> None:
    """Store the rows of a metrics.csv, one file a model; other models' files stay."""
    KEPT.mkdir(exist_ok=True)
    for model, rows in pd.read_csv(table).groupby("model", sort=False):
        rows.to_csv(KEPT / f"{model}.csv", index=False)


def page() -> str:
    """Write the page from the rows that are kept."""
    frame = pd.concat([pd.read_csv(path) for path in sorted(KEPT.glob("*.csv"))])
    for name in ("n", "n_groups"):
        frame[name] = frame[name].astype("Int64")
    tables = markdown(frame, 0.95).removeprefix("# Results\n\n")
    return "\n".join([INTRODUCTION, beside_the_seeds(frame), "## All cells\n", tables])


def beside_the_seeds(frame: pd.DataFrame) -> str:
    """Lay our float32 and fiq_int8 accuracy beside the seeds' own figures."""
    original = frame[(frame["variant"] == "original") & (frame["runtime"] == "litert")]
    accuracy = original.set_index(["model", "scheme"])["accuracy"]
    lines = []
    for model, what, theirs_float, theirs_int8 in SEEDS:
        if (model, "fiq_int8") not in accuracy.index:
            continue
        ours = [f"{100 * accuracy[model, scheme]:.2f}" for scheme in ("float32", "fiq_int8")]
        theirs = ["" if value is None else f"{value:.2f}" for value in (theirs_float, theirs_int8)]
        lines.append([model, *ours, *theirs, what])
    columns = ["model", "float32 %", "fiq_int8 %", "theirs, float %", "theirs, int8 %", "theirs is"]
    table = pd.DataFrame(lines, columns=columns).to_markdown(index=False, disable_numparse=True)
    return f"## Beside the systems that Snugnet grew from\n\n{table}\n"


def main() -> None:
    """Parse the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="METRICS_CSV", help="store these rows first")
    arguments = parser.parse_args()
    if arguments.keep:
        keep(arguments.keep)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
