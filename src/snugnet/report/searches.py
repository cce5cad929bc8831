"""Tables of searches and repetitions: mixed precision, calibration and seeds."""

from collections.abc import Mapping
from typing import Any

from snugnet.evaluation.seeds import format_seed_row
from snugnet.report.collect import Study
from snugnet.report.files import to_records
from snugnet.report.tables import Table, build_table, format_percent, format_point_difference

EMPTY_TABLE = Table([], [])


def tabulate_mixed(study: Study) -> Table:
    """Tabulate all candidates of each search for mixed precision."""
    return build_table(
        [
            {"model": model, "variant": row["variant"], **format_candidate(row)}
            for model in study.models
            for row in to_records(study.read_tables(model, "tflite", "candidates.csv"))
        ]
    )


def format_candidate(row: Mapping[str, Any]) -> dict[str, Any]:
    """Format a row of candidates.csv as values by heading."""
    return {
        "candidate": row["candidate"],
        "float operators": row["operators_in_float"],
        "float layers": _format_layers(row["in_float"]),
        "file [KiB]": round(row["size_bytes"] / 1024, 1),
        "n (val)": row["n"],
        "val accuracy [%]": format_percent(row["accuracy"]),
        "Δ vs float32 [points]": format_point_difference(row["delta_float"]),
        "within budget": _format_flag(row["within_budget"]),
        "allowed": _format_flag(row["allowed"]),
        "chosen": _format_flag(row["chosen"]),
    }


def _format_layers(tensors: str | None) -> str:
    """Format the layer names of tensors, which are separated by spaces.

    The tensor of a fused operator has the names of all fused layers; the first is used.
    """
    names = [tensor.partition(";")[0].split("/") for tensor in (tensors or "").split()]
    return ", ".join(name[-2] if len(name) > 1 else name[0] for name in names)


def tabulate_calibration(study: Study) -> Table:
    """Tabulate the calibration rules that were compared for each calibrated variant."""
    return build_table(
        [
            {"model": model, "variant": row["variant"], **format_rule(row)}
            for model in study.models
            for row in to_records(study.read_tables(model, "models", "calibration.csv"))
        ]
    )


def format_rule(row: Mapping[str, Any]) -> dict[str, Any]:
    """Format a row of calibration.csv as values by heading."""
    return {
        "rule": row["rule"],
        "setting": row["setting"],
        "n (val)": row["n"],
        "val accuracy [%]": format_percent(row["accuracy"]),
        "Δ vs min-max [points]": format_point_difference(row["delta_minmax"]),
        "chosen": _format_flag(row["chosen"]),
    }


def tabulate_seeds(study: Study) -> Table:
    """Tabulate mean and spread across seeds, with the same texts as metrics.md."""
    table = study.files.read_table("report/seeds.csv")
    if table is None:
        return EMPTY_TABLE
    return build_table([format_seed_row(row) for row in to_records(table)])


def _format_flag(value: Any) -> str:
    """Return `yes` or an empty text; tables store a flag as `yes`, 1 or True."""
    return "yes" if str(value) in ("True", "yes", "1") else ""
