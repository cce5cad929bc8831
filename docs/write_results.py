"""Keep measured rows in docs/results/, and write docs/results.md from them.

python docs/write_results.py --keep results/real   # after a real study
python docs/write_results.py                                          # the page alone
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from snugnet.evaluation.table import (
    COLUMNS,
    choose_arrow,
    describe_difference,
    format_table_markdown,
)
from snugnet.report import searches
from snugnet.report.akida_page import format_steps
from snugnet.report.files import to_records
from snugnet.report.tables import Value

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

import slides  # noqa: E402 -- beside this script

KEPT = DOCS / "results"
PAGE = DOCS / "results.md"

INTRODUCTION = """# Results on real data

Measured on two cores of one x86-64 machine with

```
snakemake --cores 2 all --configfile config/real.yaml --config datasets_dir=...
python docs/write_results.py --keep results/real
```

in shards of one model (`--config 'study=[{models: [...], variants: [...]}]'`), two to four minutes
each, ten for `mnist_cnn`, half an hour for `ecg_inception`, four to twenty minutes for the networks
that go to Akida too (variants `original` and `original_qat`). Every row is in
[`docs/results/`](results/), one file a model. Epochs, settings, architectures and the points of the
design spaces were chosen on val, and calibration samples come from train. The test splits had been
scored before with settings given up since (an earlier form of the 12-lead networks, other training
and pruning, quantization-aware training with untrained ranges); no choice was made by those scores.

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
- `ecg_akida` has the beats of `ecg_inception` and `ecg_akida_interpatient` those of the other,
  folded to 16x20 and as integers.
- Intervals and tests take the patient, subject or record as the unit wherever the data name one.
"""

SLIDES_LEGEND = """Accuracy in per cent (ECG: binary accuracy); in brackets what the slides report
for networks and data of their own. An arrow is a test that found a difference after Holm's
correction within the model, `~` one that found none: PTQ against float32 of the same network, QAT
against PTQ of the same scheme. The slides' collapse in int8 and uint8 is of their input cast, not
of the scheme.
"""

COST_LEGEND = """Points of accuracy of a step against what it was made from, in the same scheme,
with the 95 % interval of the difference; arrows as above. WISDM's test split has nine subjects, the
12-lead one 200 records: where an interval spans several points, the sample cannot tell a loss of
one from none.
"""

AKIDA_LEGEND = """Accuracy in per cent, computed by quantized Keras and by Akida's simulator; PTQ is
quantized after training, QAT trained on with quantizers. Both generations take the integers 0 to
255, to which the train split's range is mapped. `potentials` says whether all integers before the
last activation are equal on the whole test split, `equal decisions (quantizeml rounding)` which
share of decisions would be without the chip's own arithmetic ([akida.md](akida.md)).
"""

MISTAKES_LEGEND = """Accuracy in per cent of the file used right; `integer ends` is its difference
in points from the same network with float input and output, `cut off` the share of input values
beyond the input's range. Then, in points against used right, what it costs to cast without
rounding, to let values wrap instead of saturating, both, and to forget a zero point
([analysis.md](analysis.md)).
"""

MIXED_LEGEND = """Accuracy and size on test. The search saw val alone; each of its candidates is a
file that was measured with the deployed interpreter.
"""

RANGES_LEGEND = """Rules for the ranges of activations, compared on val; the best one makes the
variant, `minmax` where none is better. The parent is the same network with min-max ranges.
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


def keep(results: Path) -> None:
    """Store the rows of a study, one file a model; other models' files stay."""
    _store(pd.read_csv(results / "report" / "metrics.csv"), KEPT)
    _store(_mistakes_of(results), KEPT / "mistakes")
    _store(_tables_of(results, "tflite/*/*/mixed/candidates.csv"), KEPT / "mixed")
    _store(_tables_of(results, "models/*/*/calibration.csv"), KEPT / "calibration")


def _store(rows: pd.DataFrame, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for model, of_model in rows.groupby("model", sort=False) if len(rows) else ():
        of_model.to_csv(folder / f"{model}.csv", index=False)


def _mistakes_of(results: Path) -> pd.DataFrame:
    """Collect what mistakes cost, a row a mistake; used right is one of the rows."""
    lines = []
    for path in sorted(results.glob("debug/*/*/*/mistakes.json")):
        found = json.loads(path.read_text())
        cell = dict(zip(("model", "variant", "scheme"), path.parts[-4:-1], strict=True))
        right = {"name": "right", "accuracy": found["accuracy"]}
        same = {**cell, "n": found["n"], "saturated": found["saturated"]}
        lines += [{**same, **row} for row in (right, *found["mistakes"])]
    return pd.DataFrame(lines)


def _tables_of(results: Path, pattern: str) -> pd.DataFrame:
    """Collect the tables of a search, whose paths begin with stage, model and variant."""
    found = []
    for path in sorted(results.glob(pattern)):
        _, model, variant, *_ = path.relative_to(results).parts
        found.append(pd.read_csv(path).assign(model=model, variant=variant))
    return pd.concat(found) if found else pd.DataFrame()


def _kept(folder: Path) -> pd.DataFrame:
    """Read what is stored in a folder; no rows where nothing is."""
    found = [pd.read_csv(path) for path in sorted(folder.glob("*.csv"))]
    return pd.concat(found) if found else pd.DataFrame()


def page() -> str:
    """Write the page from the rows that are kept."""
    frame = _kept(KEPT).reindex(columns=COLUMNS)
    for name in ("n", "n_groups"):
        frame[name] = frame[name].astype("Int64")
    tables = format_table_markdown(frame, 0.95).removeprefix("# Results\n\n")
    parts = [
        beside_the_seeds(frame),
        beside_the_slides(frame),
        what_steps_cost(frame),
        what_mistakes_cost(frame, _kept(KEPT / "mistakes")),
        what_mixing_recovers(frame, _kept(KEPT / "mixed")),
        what_ranges_give(frame, _kept(KEPT / "calibration")),
        on_akida(frame),
    ]
    return "\n".join([INTRODUCTION, *filter(None, parts), "## All cells\n", tables])


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


def beside_the_slides(frame: pd.DataFrame) -> str:
    """Lay our accuracy out as the slides do theirs, which stand in brackets."""
    rows = {(row.model, row.variant, row.scheme): row for row in frame.itertuples()}
    parts = ["## In the slides' layout\n", SLIDES_LEGEND]
    for family in slides.FAMILIES:
        places = [
            (f"{family}_{size}", variant)
            for variant in ("pruned", "original")
            for size in ("lean", "fat")
        ]
        for title, suffix, theirs in (("PTQ", "", slides.PTQ), ("QAT", "_qat", slides.QAT)):
            columns = [(model, variant + suffix) for model, variant in places]
            parts.append(_matrix(f"{family}, {title}", rows, columns, theirs[family]))
    final = list(slides.FINAL)
    for title, suffix in (("PTQ", ""), ("QAT, which the slides could not do", "_qat")):
        columns = [(model, variant + suffix) for model, variant in final]
        values = None if suffix else list(zip(*slides.FINAL.values(), strict=True))
        parts.append(_matrix(f"Pruned and factorized, {title}", rows, columns, values))
    return "\n".join(parts)


def what_steps_cost(frame: pd.DataFrame) -> str:
    """List what each step costs against its parent, in points with their intervals."""
    rows = {(row.model, row.variant, row.scheme): row for row in frame.itertuples()}
    lines = []
    for model, variant in dict.fromkeys((model, variant) for model, variant, _ in rows):
        plain, integer = (rows.get((model, variant, name)) for name in ("float32", "fiq_int8"))
        if plain is not None and isinstance(plain.parent, str):
            step = f"{variant} - {plain.parent}"
            size = f"{plain.parameters:,.0f}"
            costs = [
                "" if row is None else describe_difference(row._asdict(), "parent", "p_parent_holm")
                for row in (plain, integer)
            ]
            lines.append([model, step, size, *costs])
    columns = ["model", "step", "parameters", "float32", "fiq_int8"]
    table = pd.DataFrame(lines, columns=columns).to_markdown(index=False, disable_numparse=True)
    return f"## What each step costs\n\n{COST_LEGEND}\n{_input_output(frame)}\n{table}\n"


def what_mistakes_cost(frame: pd.DataFrame, mistakes: pd.DataFrame) -> str:
    """List, in points, what integer ends cost when used right, and each mistake beyond that."""
    if mistakes.empty:
        return ""
    litert = frame[frame["runtime"] == "litert"]
    accuracy = litert.set_index(["model", "variant", "scheme"])["accuracy"]
    lines = []
    for (model, variant, scheme), rows in mistakes.groupby(["model", "variant", "scheme"]):
        by_name = rows.set_index("name")
        right = by_name["accuracy"]["right"]
        ends = right - accuracy.get((model, variant, "fiq_float32"), math.nan)
        costs = {name: f"{100 * d:+.2f}" for name, d in by_name["delta"].dropna().items()}
        cell = {"cell": f"{model} {variant} {scheme}", "used right %": f"{100 * right:.2f}"}
        cut = f"{100 * rows['saturated'].iloc[0]:.3f}"
        lines.append({**cell, "integer ends": f"{100 * ends:+.2f}", "cut off %": cut, **costs})
    table = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
    return f"## Common mistakes with integer input and output\n\n{MISTAKES_LEGEND}\n{table}\n"


def what_mixing_recovers(frame: pd.DataFrame, candidates: pd.DataFrame) -> str:
    """Lay mixed cells beside float and full-integer ones on test, and their searches on val."""
    if candidates.empty:
        return ""
    rows = {(row.model, row.variant, row.scheme): row for row in frame.itertuples()}
    schemes = ("float32", "fiq_int8", "mixed", "int16x8")
    lines, tables = [], []
    for (model, variant), search in candidates.groupby(["model", "variant"], sort=False):
        cells = [rows.get((model, variant, scheme)) for scheme in schemes]
        lines.append([f"{model} {variant}", *map(_accuracy_and_size, cells)])
        shown = _shown([searches.format_candidate(row) for row in to_records(search)])
        tables.append(f"### Search of {model} {variant}, on val\n\n{shown}\n")
    table = pd.DataFrame(lines, columns=["cell", *schemes]).to_markdown(index=False)
    return "\n".join([f"## Mixed precision\n\n{MIXED_LEGEND}\n{table}\n", *tables])


def what_ranges_give(frame: pd.DataFrame, compared: pd.DataFrame) -> str:
    """Lay cells with ranges chosen on val beside those with min-max ones, on test."""
    if compared.empty:
        return ""
    rows = {(row.model, row.variant, row.scheme): row for row in frame.itertuples()}
    lines, tables = [], []
    for (model, variant), rules in compared.groupby(["model", "variant"], sort=False):
        cell = rows.get((model, variant, "fiq_int8"))
        costs = (
            [] if cell is None else [describe_difference(cell._asdict(), "parent", "p_parent_holm")]
        )
        chosen = rules.loc[rules["chosen"], ["rule", "setting"]].iloc[0].dropna()
        lines.append([f"{model} {variant}", " ".join(map(str, chosen)), *costs])
        shown = _shown([searches.format_rule(row) for row in to_records(rules)])
        tables.append(f"### Ranges of {model} {variant}, on val\n\n{shown}\n")
    columns = ["cell", "chosen on val", "fiq_int8 on test, from min-max (points)"]
    table = pd.DataFrame(lines, columns=columns).to_markdown(index=False, disable_numparse=True)
    return "\n".join([f"## Ranges of activations\n\n{RANGES_LEGEND}\n{table}\n", *tables])


def _shown(rows: list[dict[str, Any]]) -> str:
    """Lay out rows that are worded for the report's page."""
    words = [
        {name: value.text if isinstance(value, Value) else value for name, value in row.items()}
        for row in rows
    ]
    table = pd.DataFrame(words).astype(object)
    return table.where(table.notna(), "").to_markdown(index=False, disable_numparse=True)


def _accuracy_and_size(row: Any) -> str:
    return "" if row is None else f"{100 * row.accuracy:.2f} %, {row.size_bytes:,.0f} bytes"


def on_akida(frame: pd.DataFrame) -> str:
    """Show accuracy from the float network to the program, and what the programs are like."""
    tables = format_steps(frame.to_dict("records"))
    # Its headings are a level deeper here.
    return f"## On Akida\n\n{AKIDA_LEGEND}\n{tables.replace('## ', '### ')}" if tables else ""


def _input_output(frame: pd.DataFrame) -> str:
    """Say how far integer input and output depart from float ones at most."""
    accuracy = frame.pivot_table(index=["model", "variant"], columns="scheme", values="accuracy")
    apart = accuracy[["fiq_int8", "fiq_uint8"]].sub(accuracy["fiq_float32"], axis=0).abs()
    return (
        f"In all {len(accuracy)} variants, integer input and output depart from those of float32 "
        f"(`fiq_int8` and `fiq_uint8` against `fiq_float32`) by {100 * apart.max().max():.2f} "
        "points at most.\n"
    )


def _matrix(title: str, rows: dict, columns: list, theirs: Sequence | None) -> str:
    """Make one of the slides' tables: schemes down, networks across; none if we have no figure."""
    lines = []
    for i, scheme in enumerate(slides.SCHEMES):
        cells = [_beside(rows.get((*column, scheme))) for column in columns]
        if theirs:
            cells = [f"{ours} ({value})" for ours, value in zip(cells, theirs[i], strict=True)]
        lines.append([scheme, *cells])
    if not any((*column, scheme) in rows for column in columns for scheme in slides.SCHEMES):
        return ""
    header = ["scheme", *(f"{model} {variant}" for model, variant in columns)]
    table = pd.DataFrame(lines, columns=header).to_markdown(index=False, disable_numparse=True)
    return f"### {title}\n\n{table}\n"


def _beside(row: Any) -> str:
    if row is None:
        return ""
    aware = row.variant.endswith("_qat")
    sign = (
        choose_arrow(row.delta_parent, row.p_parent_holm)
        if aware
        else choose_arrow(row.delta_float, row.p_holm)
    )
    return f"{100 * row.accuracy:.2f} {sign}".rstrip()


def main() -> None:
    """Parse the command line and do as it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="RESULTS_DIR", help="store its rows first")
    arguments = parser.parse_args()
    if arguments.keep:
        keep(arguments.keep)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
