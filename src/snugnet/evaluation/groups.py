"""Accuracy by group: patients, subjects or recordings of the test samples."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import pandas as pd

from snugnet.core.confidence import describe_few_groups
from snugnet.core.text import escape_cell, escape_formula
from snugnet.evaluation.accuracy import GroupAccuracy
from snugnet.evaluation.result_row import ResultRow

# Tables have a column for each group up to this number of groups; for more, a summary.
MAX_COLUMNS = 12
COLUMNS = ["model", "variant", "scheme", "runtime", "group", "n", "accuracy"]


def read_groups(metrics: Mapping[str, Any]) -> list[GroupAccuracy]:
    """Read the accuracy of each group from the metrics of a cell; none without groups."""
    return [GroupAccuracy(**entry) for entry in metrics.get("by_group", ())]


def tabulate_groups(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Tabulate the accuracy of each group and cell, for groups.csv.

    Names of groups come from the user's data, so they are made safe for spreadsheets.

    Args:
        rows: The metrics of each cell, with the names of the cell.
    """
    names = COLUMNS[:4]
    lines = [
        {
            **{name: row[name] for name in names},
            **vars(group),
            "group": escape_formula(group.group),
        }
        for row in rows
        for group in read_groups(row)
    ]
    return pd.DataFrame(lines, columns=COLUMNS)


def describe_accuracies(groups: Sequence[GroupAccuracy]) -> dict[str, str]:
    """Describe the accuracies of groups by heading: one for each group, or a summary if many.

    Args:
        groups: Accuracy of each group of a cell.
    """
    if len(groups) <= MAX_COLUMNS:
        return {f"group {group.group}": f"{100 * group.accuracy:.1f} %" for group in groups}
    ordered = sorted(groups, key=lambda group: group.accuracy)
    middle = median(group.accuracy for group in groups)
    return {
        "groups": str(len(groups)),
        "lowest": f"{100 * ordered[0].accuracy:.1f} % ({ordered[0].group})",
        "median": f"{100 * middle:.1f} %",
        "highest": f"{100 * ordered[-1].accuracy:.1f} % ({ordered[-1].group})",
    }


def format_groups_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Format the accuracy by group as a section of metrics.md; empty without groups.

    Args:
        rows: The metrics of each cell, with the names of the cell.
    """
    tables: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if groups := read_groups(row):
            cell = {name: str(row[name]) for name in ("variant", "scheme", "runtime")}
            accuracies = describe_accuracies(groups).items()
            texts = {escape_cell(heading): escape_cell(text) for heading, text in accuracies}
            tables.setdefault(row["model"], []).append({**cell, **texts})
    if not tables:
        return ""
    parts = ["\n# Accuracy by group", "Groups are the patients, subjects or recordings of `group`."]
    for model, lines in tables.items():
        table = pd.DataFrame(lines).fillna("")
        parts += [f"## {model}", table.to_markdown(index=False, disable_numparse=True)]
    return "\n\n".join(parts) + "\n"


def warn_of_few_groups(rows: Sequence[ResultRow]) -> list[str]:
    """Return a warning for each dataset whose test split has too few groups."""
    measured = {row.dataset: row for row in rows if row.n_groups is not None}
    warnings = {
        dataset: describe_few_groups(row.n_groups, row.folds is not None)
        for dataset, row in measured.items()
    }
    return [f"{dataset}: {text}" for dataset, text in warnings.items() if text is not None]
