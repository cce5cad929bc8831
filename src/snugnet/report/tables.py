"""Tables of the page, with the same texts and arrows as metrics.md."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from snugnet.core.fractions import format_points
from snugnet.evaluation.recommend import recommend
from snugnet.evaluation.table import (
    MEASURES,
    choose_arrow,
    describe_dataset,
    describe_difference,
    format_accuracy,
    format_auc,
    format_scheme,
)
from snugnet.report.collect import Study, format_address
from snugnet.report.matrix import pick_background, pick_text_colour


class Value(NamedTuple):
    """A value in a table.

    Attributes:
        text: Text that is shown.
        order: Value to sort by; None to sort by the text.
        cell: Address of the cell that the text links to; None without a link.
    """

    text: str
    order: float | str | None = None
    cell: str | None = None


class Table(NamedTuple):
    """A table.

    Attributes:
        titles: Headings of the columns.
        rows: Rows, with one value for each column.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[Value]]


class MatrixCell(NamedTuple):
    """A cell of the results matrix.

    Attributes:
        address: Address of the cell.
        text: Text that is shown.
        background: Colour as `#rrggbb`; empty for none.
        text_colour: Colour of the text; empty for the default.
        description: Text for tooltips and screen readers.
    """

    address: str
    text: str
    background: str
    text_colour: str
    description: str


def build_matrix(study: Study) -> dict[str, Any]:
    """Build the results matrix: networks in rows, schemes in columns.

    Returns:
        `columns`, each with `scheme`, `runtime` and `title`; `rows`, each with the names that it
        can be filtered by and `cells` in the order of the columns; a cell that the study does not
        have is None.
    """
    columns = dict.fromkeys((row["scheme"], row["runtime"]) for row in study.rows)
    networks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in study.rows:
        networks.setdefault((row["model"], row["variant"]), []).append(row)
    rows = []
    for (model, variant), network_rows in networks.items():
        cells = {(row["scheme"], row["runtime"]): _build_matrix_cell(row) for row in network_rows}
        rows.append(
            {
                "model": model,
                "variant": variant,
                "dataset": network_rows[0]["dataset"],
                "task": network_rows[0]["task"],
                "cells": [cells.get(column) for column in columns],
            }
        )
    titles = [
        {"scheme": scheme, "runtime": runtime, "title": format_scheme(scheme, runtime)}
        for scheme, runtime in columns
    ]
    return {"columns": titles, "rows": rows}


def _build_matrix_cell(row: Mapping[str, Any]) -> MatrixCell:
    delta = row["delta_float"]
    if delta is None:
        return MatrixCell(format_address(row), "none", "", "", format_accuracy(row))
    background = pick_background(100 * delta)
    text = f"{format_points(delta)} {choose_arrow(delta, row['p_holm'])}".rstrip()
    description = f"{text} points vs float32; accuracy {format_accuracy(row)}"
    text_colour = pick_text_colour(background)
    return MatrixCell(format_address(row), text, background, text_colour, description)


def list_filters(study: Study) -> dict[str, list[str]]:
    """List the names that cells can be filtered by, with their values in the study's order."""
    names = ("dataset", "model", "variant", "scheme", "runtime", "task")
    filters = {
        name: list(dict.fromkeys(row[name] for row in study.rows if row[name] is not None))
        for name in names
    }
    return {name: values for name, values in filters.items() if len(values) > 1}


def tabulate_models(study: Study) -> list[dict[str, Any]]:
    """Tabulate the accuracies, one table for each model: schemes in rows, variants in columns.

    Returns:
        For each model `model`, `about` (text about its test data) and `table`.
    """
    entries = []
    for model, frame in study.frame.groupby("model", sort=False):
        rows = [row for row in study.rows if row["model"] == model]
        entries.append(
            {"model": model, "about": describe_dataset(frame), "table": _tabulate_model(rows)}
        )
    return entries


def _tabulate_model(cells: Sequence[Mapping[str, Any]]) -> Table:
    variants = list(dict.fromkeys(row["variant"] for row in cells))
    lines: dict[str, dict[str, Value]] = {}
    for row in cells:
        line = lines.setdefault(format_scheme(row["scheme"], row["runtime"]), {})
        line[row["variant"]] = Value(format_accuracy(row), row["accuracy"], format_address(row))
    empty = Value("")
    rows = [
        [Value(scheme), *(line.get(variant, empty) for variant in variants)]
        for scheme, line in lines.items()
    ]
    return Table(["scheme", *variants], rows)


def format_float_difference(row: Mapping[str, Any]) -> str:
    """Format the difference in accuracy from float32; empty for a float32 cell."""
    return "" if row["scheme"] == "float32" else describe_difference(row, "float", "p_holm")


def _format_number(row: Mapping[str, Any], name: str, form: str, factor: float = 1) -> Value:
    """Format a column of a row, times a factor; empty if the value is None."""
    value = row[name]
    return Value("") if value is None else Value(format(value * factor, form), value)


def _format_ci(study: Study) -> str:
    """Return the part of a heading that names the confidence interval, such as `95 % CI`."""
    return f"{100 * study.confidence:g} % CI"


def tabulate_cells(study: Study) -> Table:
    """Tabulate all cells with all of their figures; columns without any value are left out."""
    interval = _format_ci(study)
    lines = [_build_line(row, interval) for row in study.rows]
    titles = [title for title in _list_titles(lines) if any(line[title].text for line in lines)]
    return Table(titles, [[line[title] for title in titles] for line in lines])


def _list_titles(lines: Sequence[Mapping[str, Value]]) -> list[str]:
    return list(lines[0]) if lines else []


def _build_line(row: Mapping[str, Any], interval: str) -> dict[str, Value]:
    """Build the line of a cell: values by heading.

    Args:
        row: The row of the cell.
        interval: Name of the confidence interval in headings.
    """
    return {
        "model": Value(row["model"], cell=format_address(row)),
        "variant": Value(row["variant"]),
        "scheme": Value(row["scheme"]),
        "runtime": Value(row["runtime"]),
        "status": Value(row["status"]),
        f"accuracy, {interval}": Value(
            format_accuracy(row) if row["accuracy"] is not None else "", row["accuracy"]
        ),
        f"Δ vs float32 [points], {interval}": Value(
            format_float_difference(row), row["delta_float"]
        ),
        "p (Holm)": _format_number(row, "p_holm", ".3g"),
        f"Δ vs parent [points], {interval}": Value(
            describe_difference(row, "parent", "p_parent_holm"), row["delta_parent"]
        ),
        **{title: _format_number(row, name, ".4f") for name, title in MEASURES.items()},
        "macro AUC": Value(format_auc(row), row["auc_macro"]),
        "n": _format_number(row, "n", ",d"),
        "groups": _format_number(row, "n_groups", "d"),
        "file [KiB]": _format_number(row, "size_bytes", ",.1f", 1 / 1024),
        "arena [KiB]": _format_number(row, "arena_bytes", ",.1f", 1 / 1024),
        "parameters": _format_number(row, "parameters", ",d"),
        "sparsity": _format_number(row, "file_zeros", ".3f"),
        "MACs [millions]": _format_number(row, "macs", ",.3f", 1e-6),
        "latency, median [µs]": _format_number(row, "latency_us_median", ",.1f"),
        "latency, 95th percentile [µs]": _format_number(row, "latency_us_p95", ",.1f"),
        "LiteRT reference kernels": Value(row["litert_ref"] or ""),
        "TFLM": Value(row["tflm"] or ""),
        "dataset": Value(row["dataset"]),
        "task": Value(row["task"] or ""),
    }


def tabulate_recommendations(study: Study) -> Table:
    """Tabulate for each dataset the recommended and the most accurate model; see `recommend`."""
    interval = _format_ci(study)
    titles = [
        "dataset",
        "recommended model",
        f"accuracy, {interval}",
        "file [KiB]",
        "most accurate model",
        f"best accuracy, {interval}",
        "file of the most accurate model [KiB]",
    ]
    rows = [
        [
            Value(choice.dataset),
            *_describe_choice(choice.recommended),
            *_describe_choice(choice.most_accurate),
        ]
        for choice in recommend(study.rows)
    ]
    return Table(titles, rows)


def _describe_choice(row: Mapping[str, Any]) -> list[Value]:
    """Return name, accuracy and file size of a cell."""
    name = f"{row['model']}, {row['variant']}, {format_scheme(row['scheme'], row['runtime'])}"
    return [
        Value(name, cell=format_address(row)),
        Value(format_accuracy(row), row["accuracy"]),
        _format_number(row, "size_bytes", ",.1f", 1 / 1024),
    ]


def tabulate_datasets(study: Study) -> Table:
    """Tabulate the datasets: kind, number of classes, samples and groups of each split."""
    titles = ["dataset", "kind", "classes", "train", "val", "test"]
    rows = []
    for name in study.datasets:
        record = study.files.read_json(f"data/{name}/record.json") or {"splits": {}}
        splits = record["splits"]
        kind = study.recipes["datasets"][name]["kind"]
        classes = len(splits.get("test", {}).get("classes", ()))
        counts = [_format_split(splits.get(split)) for split in ("train", "val", "test")]
        rows.append(
            [Value(name), Value(_format_kind(kind)), Value(str(classes or ""), classes), *counts]
        )
    return Table(titles, rows)


def _format_kind(kind: str) -> str:
    return f"{kind} (simulated)" if kind.startswith("synthetic") else kind


def _format_split(split: Mapping[str, Any] | None) -> Value:
    """Format the number of samples, and of groups if there are any."""
    if split is None:
        return Value("")
    groups = split.get("groups")
    text = f"{split['samples']:,}" + (f" of {groups} groups" if groups else "")
    return Value(text, split["samples"])


def tabulate_certificates(study: Study) -> Table:
    """Tabulate the verification of each full-integer file."""
    titles = [
        "model",
        "variant",
        "scheme",
        "LiteRT reference kernels",
        "TFLM",
        "first mismatch or reason",
        "max Δ of XNNPACK [LSB]",
        "decisions changed by XNNPACK",
        "arena [B]",
    ]
    rows = [
        [
            Value(row["model"], cell=format_address(row)),
            Value(row["variant"]),
            Value(row["scheme"]),
            Value(row["litert_ref"]),
            Value(row["tflm"] or ""),
            Value(row["verification"] or ""),
            _format_number(row, "xnnpack_worst_lsb", ",d"),
            _format_number(row, "xnnpack_decisions_changed", ",d"),
            _format_number(row, "arena_bytes", ",d"),
        ]
        for row in study.rows
        if row["litert_ref"] is not None
    ]
    return Table(titles, rows)


def build_table(lines: Sequence[Mapping[str, Any]]) -> Table:
    """Build a table from lines with their headings as keys; lines may lack some of the keys."""
    titles = list(dict.fromkeys(title for line in lines for title in line))
    return Table(titles, [[_format_value(line.get(title)) for title in titles] for line in lines])


def _format_value(value: Any) -> Value:
    if isinstance(value, Value):
        return value
    if value is None or pd.isna(value):
        return Value("")
    if isinstance(value, float):
        return Value(f"{value:.5g}", value)
    if isinstance(value, int):
        return Value(f"{value:,}", value)
    return Value(str(value))


def format_percent(fraction: float | None) -> Value:
    """Format a fraction in per cent; empty for None."""
    return Value("") if fraction is None else Value(f"{100 * fraction:.2f}", fraction)


def format_point_difference(fraction: float | None) -> Value:
    """Format a difference of fractions in points; empty for None."""
    return Value("") if fraction is None else Value(format_points(fraction), fraction)
