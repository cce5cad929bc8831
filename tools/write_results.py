"""Store measured rows in docs/results/, and write docs/reference/results.md from them.

python tools/write_results.py --keep results/real   # after a study on real data
python tools/write_results.py                       # write only the page
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.table import (
    COLUMNS,
    choose_arrow,
    describe_difference,
    format_table_markdown,
)
from snugnet.report import searches
from snugnet.report.akida_page import format_steps
from snugnet.report.files import to_records
from snugnet.report.table import RawValue, Value

TOOLS = Path(__file__).parent
DOCS = TOOLS.parent / "docs"
sys.path.insert(0, str(TOOLS))

import slides  # noqa: E402 -- next to this script

KEPT = DOCS / "results"
PAGE = DOCS / "reference" / "results.md"

INTRODUCTION = """# Results on real data

All figures were measured on two cores of one x86-64 machine, with these commands:

```
snakemake --cores 2 all --configfile config/real.yaml --config datasets_dir=...
python tools/write_results.py --keep results/real
```

The study ran in parts, one model at a time (`--config 'study=[{models: [...], variants: [...]}]'`).
Most models took two to four minutes. `mnist_cnn` took ten minutes and `ecg_inception` half an hour.
The models that are also converted for Akida (variants `original` and `original_qat`) took four to
twenty minutes. The folder `docs/results/` has all rows of these tables, in one file per model.

Epochs, settings, architectures and the points of the design spaces were chosen on val. Calibration
samples come from train. The test splits were also used to measure earlier settings, which are no
longer in use: an earlier form of the 12-lead networks, other training and pruning, and QAT with
untrained ranges. No setting was chosen by these measurements.

Read these notes before the tables:

- `ecg_inception` uses the protocol of many published tables: classes N, L, R, V and A, with a
  stratified random split by beat. Beats of one patient are in train and in test. The accuracy
  therefore shows little about a new patient.
- `ecg_inception_interpatient` uses a harder protocol: DS1 for train and val, DS2 for test, and
  the five AAMI classes. The published division puts records 201 and 202 on different sides, but
  they come from one person.
- The `smartwatch_…` models use six body activities of WISDM (watch), split by subject, with 46 of
  51 subjects. The `…_raw` models are trained and quantized in m/s² and rad/s, without
  standardization.
- The `bspc_…` models use folds 1 to 8 of a PTB-XL subset of 1,763 records, standardized per lead:
  six folds for train, fold 7 for val, fold 8 for test. The published benchmark trains on ten times
  as many records.
- `ecg_akida` uses the beats of `ecg_inception`, and `ecg_akida_interpatient` those of
  `ecg_inception_interpatient`. Both are reshaped to 16x20 and converted to integers.
- If the data name the patient, subject or record of each sample, intervals and tests count these
  groups, not samples.
"""

SEEDS_LEGEND = """The reference columns have the accuracies that earlier projects reported, on whose
work Snugnet builds. Their data and splits differ from ours, so compare only roughly.
"""

SLIDES_LEGEND = """The slides are a presentation of results from before Snugnet, with networks and
data of their own. Accuracy is in percent (ECG: binary accuracy), with the accuracy from the slides
in brackets. An arrow marks a significant difference after Holm's correction within the model; `~`
marks a difference that is not significant. PTQ is tested against float32 of the same network, and
QAT against PTQ in the same scheme. The slides' further loss from fiq_float32 to int8 and uint8
comes from a cast of the inputs without rounding, not from the scheme.
"""

COST_LEGEND = """Difference in accuracy between a compression step and its parent in the same
scheme, in percentage points, with the 95 % interval of the difference. Arrows as above. WISDM's
test split has nine subjects, the 12-lead test split 200 records. If an interval is several points
wide, the test split is too small to distinguish a loss of one point from no loss.
"""

AKIDA_LEGEND = """Accuracy in percent, computed by the quantized Keras model and by Akida's
simulator. Both generations take integers from 0 to 255: the range of the train split is mapped to
them. `potentials` shows whether all integer outputs before softmax or sigmoid are equal in both
runtimes on the whole test split. `as quantizeml rounds` is the share of decisions that would be
equal if Keras used quantizeml's rounding instead of the chip's
([Akida](../explanation/akida.md)).
"""

MISTAKES_LEGEND = """`correct use` is the accuracy of the file in percent if inputs and outputs
are converted correctly. `integer I/O` is its difference in points from the same network with
float input and output. `saturated` is the share of input values beyond the input's range. The
other columns are differences from correct use in points: a cast without rounding, wrapping
instead of saturation, both, and a missing zero point ([analyses](analyses.md#common-mistakes)).
"""

MIXED_LEGEND = """Accuracy and size on the test split. The search used only val. Each candidate
is a file that was measured with the deployed interpreter.
"""

RANGES_LEGEND = """Calibration rules for the ranges of activations, compared on val. The variant
uses the best rule, or `minmax` if no rule is better. The parent is the same network with min-max
ranges.
"""

# Accuracies that the predecessors of Snugnet report, in percent. Their data and splits differ
# from those of Snugnet, so compare only roughly. (model, source, float, int8)
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
    """Store the rows of a study, one file per model. Files of other models stay."""
    _store(pd.read_csv(results / "report" / "metrics.csv"), KEPT)
    _store(_collect_mistakes(results), KEPT / "mistakes")
    _store(_collect_tables(results, "tflite/*/*/mixed/candidates.csv"), KEPT / "mixed")
    _store(_collect_tables(results, "models/*/*/calibration.csv"), KEPT / "calibration")


def _store(rows: pd.DataFrame, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for model, of_model in rows.groupby("model", sort=False) if len(rows) else ():
        of_model.to_csv(folder / f"{model}.csv", index=False)


def _collect_mistakes(results: Path) -> pd.DataFrame:
    """Collect the cost of common mistakes, one row per mistake; `right` is correct use."""
    lines = []
    for path in sorted(results.glob("debug/*/*/*/mistakes.json")):
        report = json.loads(path.read_text())
        cell = dict(zip(("model", "variant", "scheme"), path.parts[-4:-1], strict=True))
        right = {"name": "right", "accuracy": report["accuracy"]}
        same = {**cell, "n": report["n"], "saturated": report["saturated"]}
        lines += [{**same, **row} for row in (right, *report["mistakes"])]
    return pd.DataFrame(lines)


def _collect_tables(results: Path, pattern: str) -> pd.DataFrame:
    """Collect the tables of a search; their paths begin with stage, model and variant."""
    tables = []
    for path in sorted(results.glob(pattern)):
        _, model, variant, *_ = path.relative_to(results).parts
        tables.append(pd.read_csv(path).assign(model=model, variant=variant))
    return pd.concat(tables) if tables else pd.DataFrame()


def _read_stored_rows(folder: Path) -> pd.DataFrame:
    """Read the stored rows of a folder; an empty frame if there are none."""
    tables = [pd.read_csv(path) for path in sorted(folder.glob("*.csv"))]
    return pd.concat(tables) if tables else pd.DataFrame()


def page() -> str:
    """Return the page, made from the stored rows."""
    frame = _read_stored_rows(KEPT).reindex(columns=COLUMNS)
    for name in ("n", "n_groups"):
        frame[name] = frame[name].astype("Int64")
    tables = format_table_markdown(frame, 0.95).removeprefix("# Results\n\n")
    parts = [
        tabulate_predecessors(frame),
        tabulate_slides(frame),
        tabulate_step_costs(frame),
        tabulate_mistake_costs(frame, _read_stored_rows(KEPT / "mistakes")),
        tabulate_mixed_precision(frame, _read_stored_rows(KEPT / "mixed")),
        tabulate_calibration_rules(frame, _read_stored_rows(KEPT / "calibration")),
        tabulate_akida(frame),
    ]
    return "\n".join([INTRODUCTION, *filter(None, parts), "## All cells\n", tables])


def tabulate_predecessors(frame: pd.DataFrame) -> str:
    """Compare float32 and fiq_int8 accuracy with the figures of the predecessors."""
    original = frame[(frame["variant"] == "original") & (frame["runtime"] == "litert")]
    accuracy = original.set_index(["model", "scheme"])["accuracy"]
    lines = []
    for model, source, reference_float, reference_int8 in SEEDS:
        if (model, "fiq_int8") not in accuracy.index:
            continue
        measured = [f"{100 * accuracy[model, scheme]:.2f}" for scheme in ("float32", "fiq_int8")]
        values = (reference_float, reference_int8)
        references = ["" if value is None else f"{value:.2f}" for value in values]
        lines.append([model, *measured, *references, source])
    columns = ["model", "float32 %", "fiq_int8 %"]
    columns += ["reference float %", "reference int8 %", "reference"]
    table = pd.DataFrame(lines, columns=columns).to_markdown(index=False, disable_numparse=True)
    return f"## Comparison with the predecessors of Snugnet\n\n{SEEDS_LEGEND}\n{table}\n"


def tabulate_slides(frame: pd.DataFrame) -> str:
    """Tabulate accuracy in the layout of the slides, with their figures in brackets."""
    rows = {(row.model, row.variant, row.scheme): row for row in frame.itertuples()}
    parts = ["## Comparison with the slides\n", SLIDES_LEGEND]
    for family in slides.FAMILIES:
        places = [
            (f"{family}_{size}", variant)
            for variant in ("pruned", "original")
            for size in ("lean", "fat")
        ]
        for title, suffix, references in (("PTQ", "", slides.PTQ), ("QAT", "_qat", slides.QAT)):
            columns = [(model, variant + suffix) for model, variant in places]
            parts.append(_tabulate_matrix(f"{family}, {title}", rows, columns, references[family]))
    final = list(slides.FINAL)
    for title, suffix in (("PTQ", ""), ("QAT (not in the slides)", "_qat")):
        columns = [(model, variant + suffix) for model, variant in final]
        values = None if suffix else list(zip(*slides.FINAL.values(), strict=True))
        parts.append(_tabulate_matrix(f"Pruned and factorized, {title}", rows, columns, values))
    return "\n".join(parts)


def tabulate_step_costs(frame: pd.DataFrame) -> str:
    """List the cost of each compression step in points, with its interval."""
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
    legend = f"{COST_LEGEND}\n{_describe_input_output(frame)}"
    return f"## Cost of each compression step\n\n{legend}\n{table}\n"


def tabulate_mistake_costs(frame: pd.DataFrame, mistakes: pd.DataFrame) -> str:
    """List the cost of integer input and output, and of each mistake, in points."""
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
        cell = {"cell": f"{model} {variant} {scheme}", "correct use %": f"{100 * right:.2f}"}
        cut = f"{100 * rows['saturated'].iloc[0]:.3f}"
        lines.append({**cell, "integer I/O": f"{100 * ends:+.2f}", "saturated %": cut, **costs})
    table = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
    return f"## Common mistakes with integer input and output\n\n{MISTAKES_LEGEND}\n{table}\n"


def tabulate_mixed_precision(frame: pd.DataFrame, candidates: pd.DataFrame) -> str:
    """Compare mixed, float and full-integer cells on test, and list the searches on val."""
    if candidates.empty:
        return ""
    rows = {(row.model, row.variant, row.scheme): row for row in frame.itertuples()}
    schemes = ("float32", "fiq_int8", "mixed", "int16x8")
    lines, tables = [], []
    for (model, variant), search in candidates.groupby(["model", "variant"], sort=False):
        cells = [rows.get((model, variant, scheme)) for scheme in schemes]
        lines.append([f"{model} {variant}", *map(_format_accuracy_and_size, cells)])
        shown = _format_rows(
            [searches.MixedCandidate.from_columns(row).format() for row in to_records(search)]
        )
        tables.append(f"### Search for {model} {variant} on val\n\n{shown}\n")
    table = pd.DataFrame(lines, columns=["cell", *schemes]).to_markdown(index=False)
    return "\n".join([f"## Mixed precision\n\n{MIXED_LEGEND}\n{table}\n", *tables])


def tabulate_calibration_rules(frame: pd.DataFrame, compared: pd.DataFrame) -> str:
    """Compare cells with ranges chosen on val and with min-max ranges, on test."""
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
        shown = _format_rows(
            [searches.CalibrationRule.from_columns(row).format() for row in to_records(rules)]
        )
        tables.append(f"### Ranges of {model} {variant} on val\n\n{shown}\n")
    columns = ["cell", "chosen on val", "fiq_int8 on test, Δ vs min-max (points)"]
    table = pd.DataFrame(lines, columns=columns).to_markdown(index=False, disable_numparse=True)
    return "\n".join([f"## Calibration rules\n\n{RANGES_LEGEND}\n{table}\n", *tables])


def _format_rows(rows: list[dict[str, RawValue]]) -> str:
    """Format rows of the report's page as a Markdown table."""
    words = [
        {name: value.text if isinstance(value, Value) else value for name, value in row.items()}
        for row in rows
    ]
    table = pd.DataFrame(words).astype(object)
    return table.where(table.notna(), "").to_markdown(index=False, disable_numparse=True)


def _format_accuracy_and_size(row: Any) -> str:
    return "" if row is None else f"{100 * row.accuracy:.2f} %, {row.size_bytes:,.0f} bytes"


def tabulate_akida(frame: pd.DataFrame) -> str:
    """Show accuracy from the float network to the Akida program, and properties of programs."""
    tables = format_steps([ResultRow.from_columns(row) for row in to_records(frame)])
    # Headings are one level deeper on this page.
    return f"## Akida\n\n{AKIDA_LEGEND}\n{tables.replace('## ', '### ')}" if tables else ""


def _describe_input_output(frame: pd.DataFrame) -> str:
    """Return the largest difference between integer and float input and output."""
    accuracy = frame.pivot_table(index=["model", "variant"], columns="scheme", values="accuracy")
    apart = accuracy[["fiq_int8", "fiq_uint8"]].sub(accuracy["fiq_float32"], axis=0).abs()
    return (
        f"In all {len(accuracy)} variants, accuracy with integer input and output (`fiq_int8` and "
        "`fiq_uint8`) differs from accuracy with float32 input and output (`fiq_float32`) by at "
        f"most {100 * apart.max().max():.2f} points.\n"
    )


def _tabulate_matrix(title: str, rows: dict, columns: list, references: Sequence | None) -> str:
    """Return one table of the slides, schemes in rows; empty if there are no figures."""
    lines = []
    for i, scheme in enumerate(slides.SCHEMES):
        cells = [_format_accuracy(rows.get((*column, scheme))) for column in columns]
        if references:
            pairs = zip(cells, references[i], strict=True)
            cells = [f"{measured} ({reference})" for measured, reference in pairs]
        lines.append([scheme, *cells])
    if not any((*column, scheme) in rows for column in columns for scheme in slides.SCHEMES):
        return ""
    header = ["scheme", *(f"{model} {variant}" for model, variant in columns)]
    table = pd.DataFrame(lines, columns=header).to_markdown(index=False, disable_numparse=True)
    return f"### {title}\n\n{table}\n"


def _format_accuracy(row: Any) -> str:
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
    """Parse the command line and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--keep", type=Path, metavar="RESULTS_DIR", help="store the rows of this study first"
    )
    arguments = parser.parse_args()
    if arguments.keep:
        keep(arguments.keep)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
