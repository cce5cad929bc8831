"""All rows of the results: one table for machines, one for people."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from snugnet.core.fractions import format_points
from snugnet.core.quantization_steps import STEPS
from snugnet.evaluation.statistics import holm

# The columns of metrics.csv, in order; what does not apply to a row is empty, never 0.
COLUMNS = [
    "model",
    "family",
    "seed",
    "dataset",
    "task",
    "variant",
    "parent",
    "method",
    "scheme",
    "runtime",
    "status",
    "reason",
    "n",
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "cohen_kappa",
    "binary_accuracy",
    "hamming_loss",
    "jaccard",
    "auc_macro",
    "auc_low",
    "auc_high",
    "n_groups",
    "accuracy_low",
    "accuracy_high",
    "delta_float",
    "delta_float_low",
    "delta_float_high",
    "p_float",
    "p_holm",
    "delta_parent",
    "delta_parent_low",
    "delta_parent_high",
    "p_parent",
    "p_parent_holm",
    "delta_rung",
    "delta_rung_low",
    "delta_rung_high",
    "p_rung",
    "p_rung_holm",
    "decisions_changed",
    "size_bytes",
    "size_gzip_bytes",
    "arena_bytes",
    "parameters",
    "nonzero",
    "macs",
    "int8_weights",
    "float_weights",
    "model_zeros",
    "file_zeros",
    "tensor_zeros",
    "tensor_ranks",
    "dead_layers",
    "litert_ref",
    "tflm",
    "verification",
    "xnnpack_worst_lsb",
    "xnnpack_decisions_changed",
    "akida_device",
    "akida_hardware",
    "akida_processors",
    "akida_program_bytes",
    "akida_smallest_device",
    "akida_beyond_train",
    "akida_beyond_program",
    "akida_potentials",
    "akida_potentials_equal",
    "akida_decisions_equal",
    "akida_quantizeml_equal",
    "akida_worst",
    "akida_first_layer",
    "latency_us_median",
    "latency_us_p95",
]
INTEGERS = [
    "n",
    "n_groups",
    "decisions_changed",
    "size_bytes",
    "size_gzip_bytes",
    "arena_bytes",
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

# Below this, a difference from float is called a difference.
SIGNIFICANCE = 0.05


def tabulate(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Collect rows in the order given and adjust their p-values within each model.

    Args:
        rows: One mapping a cell: the cell's names and what `score` gave.

    Returns:
        A frame with the columns `COLUMNS`.
    """
    frame = pd.DataFrame([dict(row) for row in rows]).reindex(columns=COLUMNS)
    for name in INTEGERS:
        frame[name] = frame[name].astype("Int64")
    # A float32 row is its own reference: nothing is tested there, so it does not count.
    tested = frame["p_float"].notna() & (frame["scheme"] != "float32")
    frame.loc[~tested, "p_float"] = None
    _adjust(frame, "p_float", "p_holm")
    _adjust(frame, "p_parent", "p_parent_holm")
    _adjust(frame, "p_rung", "p_rung_holm")
    return frame


def _adjust(frame: pd.DataFrame, plain: str, adjusted: str) -> None:
    """Fill a column with another's p-values, adjusted within each model."""
    for _, index in frame[frame[plain].notna()].groupby("model").groups.items():
        frame.loc[index, adjusted] = holm(frame.loc[index, plain].to_numpy(dtype=float))


def arrow(delta: float, p: float | None) -> str:
    """Tell a difference: up or down only where the test says so, else ~; nothing if none was."""
    if pd.isna(p):
        return ""
    if p >= SIGNIFICANCE or delta == 0:
        return "~"
    return "↑" if delta > 0 else "↓"


def points(row: Mapping[Any, Any], other: str, p: str) -> str:
    """Word the difference of a row from another cell: points of accuracy, arrow, interval.

    Args:
        row: Of the table.
        other: What it is compared with: `float`, `parent` or `rung`.
        p: The column of the p-value that decides on the arrow.
    """
    delta, low, high = (row[f"delta_{other}{end}"] for end in ("", "_low", "_high"))
    if pd.isna(delta):
        return ""
    text = f"{format_points(delta)} {arrow(delta, row[p])}".rstrip()
    return text if pd.isna(low) else f"{text} [{format_points(low)}, {format_points(high)}]"


def markdown(frame: pd.DataFrame, confidence: float) -> str:
    """Lay the table out like the slides: one table a model, schemes down, variants across."""
    percent = f"{100 * confidence:g} %"
    parts = [
        "# Results",
        f"Accuracy on the test split with its {percent} interval (multi-label tasks: binary "
        "accuracy). An arrow marks a difference from the float32 row of the same network that the "
        f"paired test finds at {SIGNIFICANCE:.0%} after Holm's correction within the model; ~ "
        "marks one that it does not. Points to parent: the difference from the same scheme of the "
        "variant that this one was made from, with its interval and tested alike; for a …_qat "
        "variant that is quantization-aware training against quantization after training. Points "
        "for …: the difference from the scheme that leaves just this in float. "
        "Datasets named synthetic_… are simulated.",
    ]
    for model, rows in frame.groupby("model", sort=False):
        parts += [
            f"## {model}",
            about(rows),
            _grid(rows),
            _quantization_steps(rows),
            _details(rows),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def about(rows: pd.DataFrame) -> str:
    """Say of the rows of a model what they were measured on."""
    first = rows.iloc[0]
    ok = rows[rows["status"] == "ok"]
    if ok.empty:
        return f"Dataset {first['dataset']}; no cell of this model could be measured."
    groups = ok.iloc[0]["n_groups"]
    independent = "without groups" if pd.isna(groups) else f"of {groups} groups"
    return (
        f"Dataset {first['dataset']} ({ok.iloc[0]['task']}), {ok.iloc[0]['n']} test samples "
        f"{independent}."
    )


def _grid(rows: pd.DataFrame) -> str:
    """Schemes down, variants across."""
    variants = list(dict.fromkeys(rows["variant"]))
    lines = []
    for (scheme, runtime), same in rows.groupby(["scheme", "runtime"], sort=False):
        cells = {row["variant"]: accuracy_text(row) for row in same.to_dict("records")}
        lines.append([how(scheme, runtime), *(cells.get(variant, "") for variant in variants)])
    table: str = pd.DataFrame(lines, columns=["scheme", *variants]).to_markdown(index=False)
    return table


def _quantization_steps(rows: pd.DataFrame) -> str:
    """Format the cost of each quantization step: variants down, steps across."""
    lines: dict[str, dict[str, str]] = {}
    for row in rows[rows["delta_rung"].notna()].to_dict("records"):
        what = f"{STEPS[row['scheme']].quantized} ({row['scheme']})"
        lines.setdefault(row["variant"], {"points for": row["variant"]})[what] = points(
            row, "rung", "p_rung_holm"
        )
    if not lines:
        return ""
    table: str = pd.DataFrame(lines.values()).fillna("").to_markdown(index=False)
    return table


def how(scheme: Hashable, runtime: Hashable) -> str:
    """Name a scheme, and what computed it if that is not LiteRT."""
    return str(scheme) if runtime == "litert" else f"{scheme} ({runtime})"


def accuracy_text(row: Mapping[Any, Any]) -> str:
    """Word the accuracy of a row: per cent, arrow, interval; or why there is none."""
    if row["status"] != "ok":
        return f"{row['status']}: {row['reason']}"
    text = f"{100 * row['accuracy']:.2f} % {arrow(row['delta_float'], row['p_holm'])}".rstrip()
    if pd.isna(row["accuracy_low"]):
        return text
    return f"{text} [{100 * row['accuracy_low']:.2f}, {100 * row['accuracy_high']:.2f}]"


def auc_text(row: Mapping[Any, Any]) -> str:
    """Word the area under the ROC curve of a row with its interval."""
    if pd.isna(row["auc_macro"]):
        return ""
    if pd.isna(row["auc_low"]):
        return f"{row['auc_macro']:.4f}"
    return f"{row['auc_macro']:.4f} [{row['auc_low']:.4f}, {row['auc_high']:.4f}]"


def _share(part: Any, rest: Any) -> str:
    """Word how many there are of a kind among all."""
    return "" if pd.isna(part) else f"{part} of {part + rest}"


# The slides' other measures, by column, with their titles.
MEASURES = {
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "cohen_kappa": "Cohen's kappa",
    "hamming_loss": "Hamming loss",
    "jaccard": "Jaccard",
    "auc_macro": "macro AUC",
}


def _details(rows: pd.DataFrame) -> str:
    """Everything but accuracy, a row a cell; columns that are empty throughout are left out."""
    lines = pd.DataFrame([_line(row) for row in rows[rows["status"] == "ok"].to_dict("records")])
    if lines.empty:
        return ""
    shown = lines.loc[:, (lines != "").any()]
    table: str = shown.to_markdown(index=False, disable_numparse=True)
    return table


def _line(row: Mapping[Any, Any]) -> dict[str, str]:
    def text(name: str, form: str, factor: float = 1) -> str:
        return "" if pd.isna(row[name]) else format(factor * row[name], form)

    return {
        "variant": row["variant"],
        "scheme": how(row["scheme"], row["runtime"]),
        **{title: text(name, ".4f") for name, title in MEASURES.items()},
        "macro AUC": auc_text(row),
        "p (Holm)": text("p_holm", ".3g"),
        "points to parent": points(row, "parent", "p_parent_holm"),
        "parameters": text("parameters", ",d"),
        # A file without any is its float one: quantization left out all of its small tensors.
        "int8 weights": _share(row["int8_weights"], row["float_weights"]),
        "zeros": text("file_zeros", ".3f"),
        "KiB": text("size_bytes", ".1f", 1 / 1024),
        "µs (median)": text("latency_us_median", ".1f"),
    }
