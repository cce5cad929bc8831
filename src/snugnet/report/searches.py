"""The searches and repetitions of a study, as tables: mixed precision, calibration, seeds."""

from collections.abc import Mapping
from typing import Any

from snugnet.evaluation.seeds import line
from snugnet.report.collect import Study
from snugnet.report.files import records
from snugnet.report.tables import Table, difference, hundredths, of_lines

NO_TABLE = Table([], [])


def mixed(study: Study) -> Table:
    """List all candidates of each search for mixed precision."""
    return of_lines(
        [
            {"model": model, "variant": row["variant"], **candidate(row)}
            for model in study.models
            for row in records(study.tables(model, "tflite", "candidates.csv"))
        ]
    )


def candidate(row: Mapping[str, Any]) -> dict[str, Any]:
    """Word a row of a search, for people."""
    return {
        "candidate": row["candidate"],
        "operators in float": row["operators_in_float"],
        "which": _layers(row["in_float"]),
        "file (KiB)": round(row["size_bytes"] / 1024, 1),
        "n (val)": row["n"],
        "accuracy on val (%)": hundredths(row["accuracy"]),
        "from float (points)": difference(row["delta_float"]),
        "within budget": _yes(row["within_budget"]),
        "allowed": _yes(row["allowed"]),
        "chosen": _yes(row["chosen"]),
    }


def _layers(tensors: str | None) -> str:
    """Name each tensor by its layer, as the first of the names of a fused operator's tells it."""
    names = [tensor.partition(";")[0].split("/") for tensor in (tensors or "").split()]
    return ", ".join(name[-2] if len(name) > 1 else name[0] for name in names)


def calibration(study: Study) -> Table:
    """List the rules for ranges that were compared."""
    return of_lines(
        [
            {"model": model, "variant": row["variant"], **rule(row)}
            for model in study.models
            for row in records(study.tables(model, "models", "calibration.csv"))
        ]
    )


def rule(row: Mapping[str, Any]) -> dict[str, Any]:
    """Word a rule for ranges and what it came to on val, for people."""
    return {
        "rule": row["rule"],
        "setting": row["setting"],
        "n (val)": row["n"],
        "accuracy on val (%)": hundredths(row["accuracy"]),
        "from min-max (points)": difference(row["delta_minmax"]),
        "chosen": _yes(row["chosen"]),
    }


def seeds(study: Study) -> Table:
    """List mean and spread across seeds, worded as in metrics.md."""
    table = study.files.table("report/seeds.csv")
    return NO_TABLE if table is None else of_lines([line(row) for row in records(table)])


def _yes(value: Any) -> str:
    """Word a truth, which some tables write as a word and others as True or False."""
    return "yes" if str(value) in ("True", "yes", "1") else ""
