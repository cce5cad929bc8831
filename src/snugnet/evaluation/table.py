"""Build the table of all results (metrics.csv) and format it as Markdown (metrics.md)."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from snugnet.core.quantization_steps import STEPS
from snugnet.core.text import format_count
from snugnet.evaluation.headline import format_difference, format_headline, format_interval
from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.statistics import adjust_holm

# The columns of metrics.csv, in order. A value that does not apply to a row is empty, never 0.
COLUMNS = [field.name for field in fields(ResultRow)]
INTEGERS = [
    "n",
    "n_groups",
    "folds",
    "decisions_changed",
    "size_bytes",
    "size_gzip_bytes",
    "arena_bytes",
    "flash_bytes_cortex_m0",
    "ram_bytes_cortex_m0",
    "instructions_cortex_m0",
    "flash_bytes_cortex_m4",
    "ram_bytes_cortex_m4",
    "instructions_cortex_m4",
    "flash_bytes_cortex_m33",
    "ram_bytes_cortex_m33",
    "instructions_cortex_m33",
    "flash_bytes_cortex_m55",
    "ram_bytes_cortex_m55",
    "instructions_cortex_m55",
    "parameters",
    "nonzero",
    "macs",
    "int8_weights",
    "float_weights",
    "xnnpack_worst_lsb",
    "xnnpack_decisions_changed",
    "akida_processors",
    "akida_program_bytes",
    "akida_beyond_train",
    "akida_beyond_program",
    "akida_worst",
]

# Differences with a smaller adjusted p-value are significant.
SIGNIFICANCE = 0.05
# First heading of the tables of quantization steps.
STEP_HEADING = "Δ vs previous quantization step"


def build_results_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Build the table of all results and adjust its p-values within each model.

    Args:
        rows: One mapping for each cell: the names of the cell and the columns of `CellScore`.

    Returns:
        A frame with the columns `COLUMNS`. The rows keep their order.
    """
    frame = pd.DataFrame([dict(row) for row in rows]).reindex(columns=COLUMNS)
    for name in INTEGERS:
        frame[name] = frame[name].astype("Int64")
    # A float32 row is its own reference. It is no test, so Holm's correction must not count it.
    tested = frame["p_float"].notna() & (frame["scheme"] != "float32")
    frame.loc[~tested, "p_float"] = None
    _adjust_p_values(frame, "p_float", "p_holm")
    _adjust_p_values(frame, "p_parent", "p_parent_holm")
    _adjust_p_values(frame, "p_step", "p_step_holm")
    return frame


def _adjust_p_values(frame: pd.DataFrame, plain: str, adjusted: str) -> None:
    """Fill the column `adjusted` with the p-values of `plain`, adjusted within each model."""
    for _, index in frame[frame[plain].notna()].groupby("model").groups.items():
        frame.loc[index, adjusted] = adjust_holm(frame.loc[index, plain].to_numpy(dtype=float))


def choose_arrow(delta: float, p: float | None) -> str:
    """Choose the symbol of a difference in accuracy.

    Args:
        delta: Difference in accuracy.
        p: Adjusted p-value; None or NaN if the difference was not tested.

    Returns:
        `↑` or `↓` if the difference is significant, `~` if it is not, or an empty string if it was
        not tested.
    """
    if pd.isna(p):
        return ""
    if p >= SIGNIFICANCE or delta == 0:
        return "~"
    return "↑" if delta > 0 else "↓"


def describe_difference(row: Mapping[Any, Any], reference: str, p: str) -> str:
    """Format the difference in accuracy between a row and another cell.

    Args:
        row: A row of the table.
        reference: The cell that the row is compared with: `float`, `parent` or `step` (the
            previous quantization step).
        p: Name of the column with the p-value that decides on the arrow.

    Returns:
        Percentage points, arrow and interval, such as `-1.20 ↓ [-2.00, -0.40]`; empty if there is
        no difference.
    """
    delta, low, high = (row[f"delta_{reference}{suffix}"] for suffix in ("", "_low", "_high"))
    if pd.isna(delta):
        return ""
    is_error = has_errors(row)
    text = f"{format_difference(delta, is_error)} {choose_arrow(delta, row[p])}".rstrip()
    if pd.isna(low):
        return text
    ends = ", ".join(format_difference(end, is_error) for end in (low, high))
    return f"{text} [{ends}]"


def has_errors(row: Mapping[Any, Any]) -> bool:
    """Return whether the figure of a row is an error, because its task has no classes.

    Args:
        row: A row of metrics.csv, or of seeds.csv, which has the name of its metric.
    """
    return row.get("metric") == "mae" or not pd.isna(row.get("mae"))


def format_table_markdown(frame: pd.DataFrame, confidence: float) -> str:
    """Format the table as Markdown.

    Args:
        frame: The table of all results.
        confidence: Confidence level of the intervals, in (0, 1).

    Returns:
        For each model, as on the slides, a table of accuracies with schemes in rows and variants
        in columns; a table of quantization steps; and a table of the other columns.
    """
    interval = f"{100 * confidence:g} % confidence interval"
    parts = [
        "# Results",
        f"Accuracy: on the test split, with its {interval} (multi-label tasks: binary accuracy; "
        "regression and reconstruction: mean absolute error, less is better). "
        "↑ and ↓: significant difference from the float32 row of the same network (paired test, "
        f"p < {SIGNIFICANCE:g} after Holm's correction within the model). ~: no significant "
        "difference. Intervals are not corrected for the number of tests; ~ is. A difference that "
        "is the same in all groups has no interval. Δ vs parent: difference from the same scheme "
        "of the parent variant, with interval and the same test; for a …_qat variant, it compares "
        "QAT with PTQ. Δ vs previous quantization step: difference from the scheme without this "
        "step. Datasets named synthetic_… are simulated.",
    ]
    for model, rows in frame.groupby("model", sort=False):
        parts += [
            f"## {model}",
            describe_dataset(rows),
            _format_accuracies(rows),
            _format_quantization_steps(rows),
            _format_details(rows),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def describe_dataset(rows: pd.DataFrame) -> str:
    """Describe the test data of a model: dataset, task, number of samples and of groups.

    Args:
        rows: The rows of the model.
    """
    dataset = rows.iloc[0]["dataset"]
    measured = rows[rows["status"] == "ok"]
    if measured.empty:
        return f"Dataset {dataset}; no cell of this model could be measured."
    first = measured.iloc[0]
    groups = (
        "without groups"
        if pd.isna(first["n_groups"])
        else f"of {format_count(first['n_groups'], 'group')}"
    )
    text = f"Dataset {dataset} ({first['task']}), {first['n']} test samples {groups}"
    return f"{text}{describe_folds(first['folds'])}."


def describe_folds(folds: Any) -> str:
    """Describe the cross-validation that figures come from; "" without one.

    Args:
        folds: Number of folds; missing without cross-validation.
    """
    if pd.isna(folds):
        return ""
    return (
        f", each predicted by the one of {folds} models that was not trained on its fold; the "
        "delivered files are trained on all folds"
    )


def _format_accuracies(rows: pd.DataFrame) -> str:
    """Format the accuracies of a model: schemes in rows, variants in columns."""
    variants = list(dict.fromkeys(rows["variant"]))
    lines = []
    for (scheme, runtime), cells in rows.groupby(["scheme", "runtime"], sort=False):
        texts = {row["variant"]: format_accuracy(row) for row in cells.to_dict("records")}
        values = [texts.get(variant, "") for variant in variants]
        lines.append([format_scheme(scheme, runtime), *values])
    table: str = pd.DataFrame(lines, columns=["scheme", *variants]).to_markdown(index=False)
    return table


def _format_quantization_steps(rows: pd.DataFrame) -> str:
    """Format the cost of each quantization step: variants in rows, steps in columns."""
    lines: dict[str, dict[str, str]] = {}
    for row in rows[rows["delta_step"].notna()].to_dict("records"):
        step = f"{STEPS[row['scheme']].quantized} ({row['scheme']})"
        heading = STEP_HEADING if has_errors(row) else f"{STEP_HEADING} [points]"
        line = lines.setdefault(row["variant"], {heading: row["variant"]})
        line[step] = describe_difference(row, "step", "p_step_holm")
    if not lines:
        return ""
    table: str = pd.DataFrame(lines.values()).fillna("").to_markdown(index=False)
    return table


def format_scheme(scheme: Hashable, runtime: Hashable) -> str:
    """Format the name of a scheme, with its runtime if that is not LiteRT."""
    return str(scheme) if runtime == "litert" else f"{scheme} ({runtime})"


def format_accuracy(row: Mapping[Any, Any]) -> str:
    """Format the accuracy of a row in percent, or its error, with arrow and interval.

    For a cell that was not measured, return its status and the reason.
    """
    if row["status"] != "ok":
        return f"{row['status']}: {row['reason']}"
    is_error = has_errors(row)
    name = "mae" if is_error else "accuracy"
    arrow = choose_arrow(row["delta_float"], row["p_holm"])
    text = f"{format_headline(row[name], is_error)} {arrow}".rstrip()
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{text}{format_interval(low, high, is_error)}"


def format_auc(row: Mapping[Any, Any]) -> str:
    """Format the area under the ROC curve of a row with its interval; empty if there is none."""
    if pd.isna(row["auc_macro"]):
        return ""
    if pd.isna(row["auc_low"]):
        return f"{row['auc_macro']:.4f}"
    return f"{row['auc_macro']:.4f} [{row['auc_low']:.4f}, {row['auc_high']:.4f}]"


def _format_share(part: Any, rest: Any) -> str:
    """Format a part of a total, such as `3 of 5`; empty if it is unknown."""
    return "" if pd.isna(part) else f"{part} of {part + rest}"


# The other metrics of the slides: headings by column.
MEASURES = {
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "cohen_kappa": "Cohen's kappa",
    "hamming_loss": "Hamming loss",
    "jaccard": "Jaccard",
    "auc_macro": "macro AUC",
    "rmse": "RMSE",
    "r2": "R²",
}


def _format_details(rows: pd.DataFrame) -> str:
    """Format the other columns, one line for each measured cell; empty columns are left out."""
    cells = rows[rows["status"] == "ok"].to_dict("records")
    lines = pd.DataFrame([_format_cell(row) for row in cells])
    if lines.empty:
        return ""
    filled = lines.loc[:, (lines != "").any()]
    table: str = filled.to_markdown(index=False, disable_numparse=True)
    return table


def _format_cell(row: Mapping[Any, Any]) -> dict[str, str]:
    """Format the columns of a cell other than accuracy, by heading."""

    def format_value(name: str, form: str, factor: float = 1) -> str:
        return "" if pd.isna(row[name]) else format(factor * row[name], form)

    return {
        "variant": row["variant"],
        "scheme": format_scheme(row["scheme"], row["runtime"]),
        **{title: format_value(name, ".4f") for name, title in MEASURES.items()},
        "macro AUC": format_auc(row),
        "p (Holm)": format_value("p_holm", ".3g"),
        "Δ vs parent" if has_errors(row) else "Δ vs parent [points]": describe_difference(
            row, "parent", "p_parent_holm"
        ),
        "parameters": format_value("parameters", ",d"),
        # A drq file without int8 weights equals the float32 file: all of its tensors are too small
        # to be quantized.
        "int8 weights": _format_share(row["int8_weights"], row["float_weights"]),
        "sparsity": format_value("file_zeros", ".3f"),
        "file [KiB]": format_value("size_bytes", ".1f", 1 / 1024),
        "latency, median [µs]": format_value("latency_us_median", ".1f"),
    }
