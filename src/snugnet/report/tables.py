"""The tables of the page: the same words and arrows as in metrics.md."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from snugnet.core.fractions import format_points
from snugnet.evaluate.recommend import recommend
from snugnet.evaluate.table import MEASURES, about, accuracy_text, arrow, auc_text, how, points
from snugnet.report.collect import Study, address
from snugnet.report.matrix import ink, shade


class Value(NamedTuple):
    """What stands in a table: a text, by what it is sorted, and the cell that it leads to."""

    text: str
    order: float | str | None = None
    cell: str | None = None


class Table(NamedTuple):
    """Titles of columns, and rows."""

    titles: Sequence[str]
    rows: Sequence[Sequence[Value]]


class Shade(NamedTuple):
    """A cell of the matrix: address, text, colours, and what is read out."""

    cell: str
    text: str
    background: str
    ink: str
    words: str


def matrix(study: Study) -> dict[str, Any]:
    """Lay out the results matrix.

    Returns:
        `columns`, each with `scheme`, `runtime` and `title`; `rows`, each with what it can be
        filtered by and `shades` in the order of the columns, None where the study has no cell.
    """
    columns = dict.fromkeys((row["scheme"], row["runtime"]) for row in study.rows)
    networks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in study.rows:
        networks.setdefault((row["model"], row["variant"]), []).append(row)
    rows = []
    for (model, variant), cells in networks.items():
        shades = {(cell["scheme"], cell["runtime"]): _shade(cell) for cell in cells}
        rows.append(
            {
                "model": model,
                "variant": variant,
                "dataset": cells[0]["dataset"],
                "task": cells[0]["task"],
                "shades": [shades.get(column) for column in columns],
            }
        )
    titles = [
        {"scheme": scheme, "runtime": runtime, "title": how(scheme, runtime)}
        for scheme, runtime in columns
    ]
    return {"columns": titles, "rows": rows}


def _shade(row: Mapping[str, Any]) -> Shade:
    delta = row["delta_float"]
    if delta is None:
        return Shade(address(row), "none", "", "", accuracy_text(row))
    background = shade(100 * delta)
    text = f"{format_points(delta)} {arrow(delta, row['p_holm'])}".rstrip()
    words = f"{text} points from float; accuracy {accuracy_text(row)}"
    return Shade(address(row), text, background, ink(background), words)


def filters(study: Study) -> dict[str, list[str]]:
    """List what cells can be filtered by, in the study's order."""
    names = ("dataset", "model", "variant", "scheme", "runtime", "task")
    found = {
        name: list(dict.fromkeys(row[name] for row in study.rows if row[name] is not None))
        for name in names
    }
    return {name: values for name, values in found.items() if len(values) > 1}


def by_model(study: Study) -> list[dict[str, Any]]:
    """Lay results out like the slides: a table a model, schemes down, variants across."""
    found = []
    for model, same in study.frame.groupby("model", sort=False):
        cells = [row for row in study.rows if row["model"] == model]
        found.append({"model": model, "about": about(same), "table": _grid(cells)})
    return found


def _grid(cells: Sequence[Mapping[str, Any]]) -> Table:
    variants = list(dict.fromkeys(row["variant"] for row in cells))
    lines: dict[str, dict[str, Value]] = {}
    for row in cells:
        line = lines.setdefault(how(row["scheme"], row["runtime"]), {})
        line[row["variant"]] = Value(accuracy_text(row), row["accuracy"], address(row))
    empty = Value("")
    rows = [
        [Value(scheme), *(line.get(variant, empty) for variant in variants)]
        for scheme, line in lines.items()
    ]
    return Table(["scheme", *variants], rows)


def from_float(row: Mapping[str, Any]) -> str:
    """Word the difference from float; nothing for float itself."""
    return "" if row["scheme"] == "float32" else points(row, "float", "p_holm")


def _number(row: Mapping[str, Any], name: str, form: str, factor: float = 1) -> Value:
    value = row[name]
    return Value("") if value is None else Value(format(value * factor, form), value)


def cells(study: Study) -> Table:
    """List all cells with everything that has a unit; columns that are empty throughout go."""
    rows = [_line(row) for row in study.rows]
    titles = [title for title in _titles(rows) if any(row[title].text for row in rows)]
    return Table(titles, [[row[title] for title in titles] for row in rows])


def _titles(rows: Sequence[Mapping[str, Value]]) -> list[str]:
    return list(rows[0]) if rows else []


def _line(row: Mapping[str, Any]) -> dict[str, Value]:
    return {
        "model": Value(row["model"], cell=address(row)),
        "variant": Value(row["variant"]),
        "scheme": Value(row["scheme"]),
        "runtime": Value(row["runtime"]),
        "status": Value(row["status"]),
        "accuracy (%) [interval]": Value(
            accuracy_text(row) if row["accuracy"] is not None else "", row["accuracy"]
        ),
        "from float (points) [interval]": Value(from_float(row), row["delta_float"]),
        "p (Holm)": _number(row, "p_holm", ".3g"),
        "to parent (points) [interval]": Value(
            points(row, "parent", "p_parent_holm"), row["delta_parent"]
        ),
        **{title: _number(row, name, ".4f") for name, title in MEASURES.items()},
        "macro AUC": Value(auc_text(row), row["auc_macro"]),
        "n": _number(row, "n", ",d"),
        "groups": _number(row, "n_groups", "d"),
        "file (KiB)": _number(row, "size_bytes", ",.1f", 1 / 1024),
        "arena (KiB)": _number(row, "arena_bytes", ",.1f", 1 / 1024),
        "parameters": _number(row, "parameters", ",d"),
        "zeros (share)": _number(row, "file_zeros", ".3f"),
        "MACs (millions)": _number(row, "macs", ",.3f", 1e-6),
        "latency, median (µs)": _number(row, "latency_us_median", ",.1f"),
        "latency, 95th percentile (µs)": _number(row, "latency_us_p95", ",.1f"),
        "reference kernels": Value(row["litert_ref"] or ""),
        "TFLM": Value(row["tflm"] or ""),
        "dataset": Value(row["dataset"]),
        "task": Value(row["task"] or ""),
    }


def best(study: Study) -> Table:
    """List for each dataset the recommended model, and the most accurate one (see `recommend`)."""
    titles = [
        "dataset",
        "recommended",
        "accuracy",
        "file (KiB)",
        "most accurate",
        "its accuracy",
        "its file (KiB)",
    ]
    rows = [
        [Value(choice.dataset), *_named(choice.recommended), *_named(choice.most_accurate)]
        for choice in recommend(study.rows)
    ]
    return Table(titles, rows)


def _named(row: Mapping[str, Any]) -> list[Value]:
    name = f"{row['model']}, {row['variant']}, {how(row['scheme'], row['runtime'])}"
    accuracy = Value(accuracy_text(row), row["accuracy"])
    return [Value(name, cell=address(row)), accuracy, _number(row, "size_bytes", ",.1f", 1 / 1024)]


def datasets(study: Study) -> Table:
    """List the datasets: kind, samples and groups of each split."""
    titles = ["dataset", "kind", "classes", "train", "val", "test"]
    rows = []
    for name in study.datasets:
        record = study.files.json(f"data/{name}/record.json") or {"splits": {}}
        splits = record["splits"]
        kind = study.recipes["datasets"][name]["kind"]
        classes = len(splits.get("test", {}).get("classes", ()))
        counts = [_samples(splits.get(split)) for split in ("train", "val", "test")]
        rows.append([Value(name), Value(_kind(kind)), Value(str(classes or ""), classes), *counts])
    return Table(titles, rows)


def _kind(kind: str) -> str:
    return f"{kind} (simulated)" if kind.startswith("synthetic") else kind


def _samples(split: Mapping[str, Any] | None) -> Value:
    if split is None:
        return Value("")
    groups = split.get("groups")
    words = f"{split['samples']:,}" + (f" of {groups} groups" if groups else "")
    return Value(words, split["samples"])


def certificates(study: Study) -> Table:
    """List what the verification of each full-integer file found."""
    titles = [
        "model",
        "variant",
        "scheme",
        "reference kernels",
        "TFLM",
        "finding",
        "default kernels differ by (steps)",
        "decisions they change",
        "arena (bytes)",
    ]
    rows = [
        [
            Value(row["model"], cell=address(row)),
            Value(row["variant"]),
            Value(row["scheme"]),
            Value(row["litert_ref"]),
            Value(row["tflm"] or ""),
            Value(row["verification"] or ""),
            _number(row, "xnnpack_worst_lsb", ",d"),
            _number(row, "xnnpack_decisions_changed", ",d"),
            _number(row, "arena_bytes", ",d"),
        ]
        for row in study.rows
        if row["litert_ref"] is not None
    ]
    return Table(titles, rows)


def of_lines(lines: Sequence[Mapping[str, Any]]) -> Table:
    """Make a table of lines whose titles are their keys; not all need have all."""
    titles = list(dict.fromkeys(title for line in lines for title in line))
    return Table(titles, [[_plain(line.get(title)) for title in titles] for line in lines])


def _plain(value: Any) -> Value:
    if isinstance(value, Value):
        return value
    if value is None or pd.isna(value):
        return Value("")
    if isinstance(value, float):
        return Value(f"{value:.5g}", value)
    if isinstance(value, int):
        return Value(f"{value:,}", value)
    return Value(str(value))


def hundredths(fraction: float | None) -> Value:
    """Write a fraction in per cent."""
    return Value("") if fraction is None else Value(f"{100 * fraction:.2f}", fraction)


def difference(fraction: float | None) -> Value:
    """Write a difference of fractions in points."""
    return Value("") if fraction is None else Value(format_points(fraction), fraction)
