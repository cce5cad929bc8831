"""Tables of the page, with the same texts and arrows as metrics.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from snugnet.core.fractions import format_points
from snugnet.core.microcontrollers import MICROCONTROLLERS
from snugnet.core.paths import ResultPath
from snugnet.core.text import describe_groups
from snugnet.datasets.record import DatasetRecord, SplitRecord
from snugnet.evaluation.gate import FitsCheck
from snugnet.evaluation.groups import describe_accuracies, read_groups
from snugnet.evaluation.headline import format_difference
from snugnet.evaluation.recommend import recommend
from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.table import (
    MEASURES,
    choose_arrow,
    describe_dataset,
    describe_difference,
    format_accuracy,
    format_auc,
    format_scheme,
)
from snugnet.report.collect import ReportData
from snugnet.report.matrix import pick_background, pick_text_colour
from snugnet.report.table import RawValue, Table, Value, format_value

# Columns that cells can be filtered by.
FILTERS = ("dataset", "model", "variant", "scheme", "runtime", "task")

# Replaces an error of 0 in a division.
TINY = 1e-12


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


@dataclass(frozen=True)
class MatrixColumn:
    """A column of the results matrix.

    Attributes:
        scheme: Scheme of the cells.
        runtime: Runtime of the cells.
        title: Heading of the column.
    """

    scheme: str
    runtime: str
    title: str


@dataclass(frozen=True)
class MatrixRow:
    """A row of the results matrix: the cells of one network.

    Attributes:
        model: Model of the network.
        variant: Variant of the network.
        dataset: Dataset of the model.
        task: Task of the dataset; None if unknown.
        cells: Cells in the order of the columns; None if the study has no such cell.
    """

    model: str
    variant: str
    dataset: str
    task: str | None
    cells: Sequence[MatrixCell | None]


@dataclass(frozen=True)
class Matrix:
    """The results matrix: networks in rows, schemes in columns.

    Attributes:
        columns: The columns.
        rows: The rows.
    """

    columns: Sequence[MatrixColumn]
    rows: Sequence[MatrixRow]


@dataclass(frozen=True)
class ModelTable:
    """The accuracies of a model.

    Attributes:
        model: Name of the model.
        about: Text about its test data.
        table: Accuracies, with schemes in rows and variants in columns.
    """

    model: str
    about: str
    table: Table


def build_matrix(study: ReportData) -> Matrix:
    """Build the results matrix."""
    columns = dict.fromkeys((row.scheme, row.runtime) for row in study.rows)
    networks: dict[tuple[str, str], list[ResultRow]] = {}
    for row in study.rows:
        networks.setdefault((row.model, row.variant), []).append(row)
    rows = []
    for (model, variant), network_rows in networks.items():
        cells = {(row.scheme, row.runtime): _build_matrix_cell(row) for row in network_rows}
        rows.append(
            MatrixRow(
                model=model,
                variant=variant,
                dataset=network_rows[0].dataset,
                task=network_rows[0].task,
                cells=[cells.get(column) for column in columns],
            )
        )
    return Matrix(
        columns=[
            MatrixColumn(scheme, runtime, format_scheme(scheme, runtime))
            for scheme, runtime in columns
        ],
        rows=rows,
    )


def _build_matrix_cell(row: ResultRow) -> MatrixCell:
    accuracy, delta = format_accuracy(row.by_column), row.delta_float
    if delta is None:
        return MatrixCell(row.address, "none", "", "", accuracy)
    headline = row.headline
    is_error = headline.is_error
    # The colour of an error shows the change in percent of the error of float32.
    share = -delta / max(headline.value - delta, TINY) if is_error else delta
    background = pick_background(100 * share)
    text = f"{format_difference(delta, is_error)} {choose_arrow(delta, row.p_holm)}".rstrip()
    unit = "" if is_error else " points"
    description = f"{text}{unit} vs float32; {headline.name} {accuracy}"
    return MatrixCell(row.address, text, background, pick_text_colour(background), description)


def list_filters(study: ReportData) -> dict[str, list[str]]:
    """List the names that cells can be filtered by, with their values in the study's order."""
    columns = [row.by_column for row in study.rows]
    filters = {
        name: list(dict.fromkeys(row[name] for row in columns if row[name] is not None))
        for name in FILTERS
    }
    return {name: values for name, values in filters.items() if len(values) > 1}


def tabulate_models(study: ReportData) -> list[ModelTable]:
    """Tabulate the accuracies, one table for each model."""
    entries = []
    for model, frame in study.frame.groupby("model", sort=False):
        rows = [row for row in study.rows if row.model == model]
        entries.append(ModelTable(str(model), describe_dataset(frame), _tabulate_model(rows)))
    return entries


def tabulate_groups(study: ReportData) -> list[ModelTable]:
    """Tabulate the accuracy by group, one table for each model whose test samples have groups."""
    entries = []
    for model in study.models:
        lines = [
            (row, describe_accuracies(read_groups(metrics)))
            for row in study.measured
            if row.model == model
            and (metrics := study.files.read_json(ResultPath.METRICS.of_cell(row))) is not None
            and metrics.get("by_group")
        ]
        if not lines:
            continue
        titles = ["variant", "scheme", *dict.fromkeys(name for _, line in lines for name in line)]
        rows = [
            [
                Value(row.variant, cell=row.address),
                Value(format_scheme(row.scheme, row.runtime)),
                *(Value(line.get(title, "")) for title in titles[2:]),
            ]
            for row, line in lines
        ]
        entries.append(ModelTable(model, "", Table(titles, rows)))
    return entries


def _tabulate_model(cells: Sequence[ResultRow]) -> Table:
    variants = list(dict.fromkeys(row.variant for row in cells))
    lines: dict[str, dict[str, Value]] = {}
    for row in cells:
        line = lines.setdefault(format_scheme(row.scheme, row.runtime), {})
        order = row.headline.value if row.is_measured else None
        line[row.variant] = Value(format_accuracy(row.by_column), order, row.address)
    empty = Value("")
    rows = [
        [Value(scheme), *(line.get(variant, empty) for variant in variants)]
        for scheme, line in lines.items()
    ]
    return Table(["scheme", *variants], rows)


def format_float_difference(row: ResultRow) -> str:
    """Format the difference in accuracy from float32; empty for a float32 cell."""
    if row.scheme == "float32":
        return ""
    return describe_difference(row.by_column, "float", "p_holm")


def _format_number(value: float | None, form: str, factor: float = 1) -> Value:
    """Format a value times a factor, to be sorted by the value; empty if it is None."""
    return Value("") if value is None else Value(format(value * factor, form), value)


def _format_ci(study: ReportData) -> str:
    """Return the part of a heading that names the confidence interval, such as `95 % CI`."""
    return f"{100 * study.confidence:g} % CI"


def tabulate_cells(study: ReportData) -> Table:
    """Tabulate all cells with all of their figures; columns without any value are left out."""
    interval = _format_ci(study)
    lines = [_build_line(row, study.headline, interval) for row in study.rows]
    titles = [title for title in _list_titles(lines) if any(line[title].text for line in lines)]
    return Table(titles, [[line[title] for title in titles] for line in lines])


def _list_titles(lines: Sequence[Mapping[str, Value]]) -> list[str]:
    return list(lines[0]) if lines else []


def _build_line(row: ResultRow, headline: str, interval: str) -> dict[str, Value]:
    """Build the line of a cell: values by heading.

    Args:
        row: The row of the cell.
        headline: Name of the figure by which cells are compared.
        interval: Name of the confidence interval in headings.
    """
    columns = row.by_column
    unit = " [points]" if headline == "accuracy" else ""
    return {
        "model": Value(row.model, cell=row.address),
        "variant": Value(row.variant),
        "scheme": Value(row.scheme),
        "runtime": Value(row.runtime),
        "status": Value(row.status),
        f"{headline}, {interval}": Value(
            format_accuracy(columns) if row.is_measured else "",
            row.headline.value if row.is_measured else None,
        ),
        f"Δ vs float32{unit}, {interval}": Value(format_float_difference(row), row.delta_float),
        "p (Holm)": _format_number(row.p_holm, ".3g"),
        f"Δ vs parent{unit}, {interval}": Value(
            describe_difference(columns, "parent", "p_parent_holm"), row.delta_parent
        ),
        **{title: _format_number(columns[name], ".4f") for name, title in MEASURES.items()},
        "macro AUC": Value(format_auc(columns), row.auc_macro),
        "n": _format_number(row.n, ",d"),
        "groups": _format_number(row.n_groups, "d"),
        "file [KiB]": _format_number(row.size_bytes, ",.1f", 1 / 1024),
        "arena [KiB]": _format_number(row.arena_bytes, ",.1f", 1 / 1024),
        **_format_device_costs(row, MICROCONTROLLERS),
        "C code": Value(row.firmware or ""),
        "parameters": _format_number(row.parameters, ",d"),
        "sparsity": _format_number(row.file_zeros, ".3f"),
        "MACs [millions]": _format_number(row.macs, ",.3f", 1e-6),
        "latency, median [µs]": _format_number(row.latency_us_median, ",.1f"),
        "latency, 95th percentile [µs]": _format_number(row.latency_us_p95, ",.1f"),
        "LiteRT reference kernels": Value(row.litert_ref or ""),
        "TFLM": Value(row.tflm or ""),
        "dataset": Value(row.dataset),
        "task": Value(row.task or ""),
    }


def _format_device_costs(row: ResultRow, targets: Sequence[str]) -> dict[str, Value]:
    """Format the costs of a cell on microcontrollers, by heading; estimates begin with ≈."""
    mark = "≈ " if row.firmware_costs == "estimated" else ""
    values: dict[str, Value] = {}
    for target in targets:
        cost = row.device_cost(target)
        for title, figure, form, factor in (
            ("flash on {} [KiB]", "flash_bytes", ",.1f", 1 / 1024),
            ("RAM on {} [KiB]", "ram_bytes", ",.1f", 1 / 1024),
            ("instructions on {} [millions]", "instructions", ",.3f", 1e-6),
        ):
            number = None if cost is None else getattr(cost, figure)
            value = _format_number(number, form, factor)
            values[title.format(target)] = value._replace(text=value.text and mark + value.text)
    return values


def tabulate_fits(study: ReportData) -> list[tuple[str, Table]]:
    """Tabulate what fits each microcontroller of the gates, with a caption for each table.

    The cells of a dataset stand together, the most accurate first; of equal ones, that with the
    fewest instructions.
    """
    if study.gate is None:
        return []
    return [
        (f"What fits {check.target}: {check.text}", _tabulate_fitting_cells(study, check))
        for check in study.gate.fits
    ]


def _tabulate_fitting_cells(study: ReportData, check: FitsCheck) -> Table:
    def rank(row: ResultRow) -> tuple[int, float, float]:
        cost = row.device_cost(check.target)
        instructions = float("inf") if cost is None else cost.instructions
        return study.datasets.index(row.dataset), -row.headline.rank, instructions

    interval = _format_ci(study)
    fitting = sorted((row for row in study.rows if row.address in set(check.cells)), key=rank)
    lines = [
        {
            "dataset": Value(row.dataset),
            "cell": Value(f"{row.model}, {row.variant}, {row.scheme}", cell=row.address),
            f"{study.headline}, {interval}": Value(
                format_accuracy(row.by_column), row.headline.value
            ),
            "Δ vs float32": Value(format_float_difference(row), row.delta_float),
            **_format_device_costs(row, [check.target]),
        }
        for row in fitting
    ]
    return build_table(lines)


def tabulate_recommendations(study: ReportData) -> Table:
    """Tabulate for each dataset the recommended and the most accurate model; see `recommend`."""
    interval = _format_ci(study)
    target = next(iter(study.targets), None)
    lines = []
    for choice in recommend(study.rows):
        line = {"dataset": Value(choice.dataset)}
        for row, name, best, place in (
            (choice.recommended, "recommended model", "", ""),
            (choice.most_accurate, "most accurate model", "best ", " of the most accurate model"),
        ):
            text = f"{row.model}, {row.variant}, {format_scheme(row.scheme, row.runtime)}"
            line[name] = Value(text, cell=row.address)
            line[f"{best}{study.headline}, {interval}"] = Value(
                format_accuracy(row.by_column), row.headline.value
            )
            costs = (
                {"file [KiB]": _format_number(row.size_bytes, ",.1f", 1 / 1024)}
                if target is None
                else _format_device_costs(row, [target])
            )
            for title, value in costs.items():
                head, _, unit = title.partition(" [")
                line[f"{head}{place} [{unit}"] = value
        lines.append(line)
    return build_table(lines)


def tabulate_datasets(study: ReportData) -> Table:
    """Tabulate the datasets: kind, number of classes, samples and groups of each split."""
    titles = ["dataset", "kind", "classes", "train", "val", "test"]
    rows = []
    for name in study.datasets:
        record = study.files.read_json(ResultPath.RECORD.of(dataset=name))
        splits = {} if record is None else DatasetRecord.from_json(record).splits
        kind = study.recipes.datasets[name]["kind"]
        classes = len(splits["test"].classes) if "test" in splits else 0
        counts = [_format_split(splits.get(split)) for split in ("train", "val", "test")]
        folds = study.recipes.datasets[name].get("folds")
        if isinstance(folds, int):
            counts[-1] = Value(f"{folds} folds")
        rows.append(
            [Value(name), Value(_format_kind(kind)), Value(str(classes or ""), classes), *counts]
        )
    return Table(titles, rows)


def _format_kind(kind: str) -> str:
    return f"{kind} (simulated)" if kind.startswith("synthetic") else kind


def _format_split(split: SplitRecord | None) -> Value:
    """Format the number of samples, and of groups if there are any."""
    if split is None:
        return Value("")
    text = f"{split.samples:,}" + describe_groups(split.groups or None)
    return Value(text, split.samples)


def tabulate_certificates(study: ReportData) -> Table:
    """Tabulate the verification of each full-integer file, and of its C code."""
    has_firmware = any(row.firmware for row in study.rows)
    titles = [
        "model",
        "variant",
        "scheme",
        "LiteRT reference kernels",
        "TFLM",
        *(["C code"] if has_firmware else []),
        "first mismatch or reason",
        "max Δ of XNNPACK [LSB]",
        "decisions changed by XNNPACK",
        "arena [B]",
    ]
    rows = [
        [
            Value(row.model, cell=row.address),
            Value(row.variant),
            Value(row.scheme),
            Value(row.litert_ref),
            Value(row.tflm or ""),
            *([Value(row.firmware or "")] if has_firmware else []),
            Value(row.verification or ""),
            _format_number(row.xnnpack_worst_lsb, ",d"),
            _format_number(row.xnnpack_decisions_changed, ",d"),
            _format_number(row.arena_bytes, ",d"),
        ]
        for row in study.rows
        if row.litert_ref is not None
    ]
    return Table(titles, rows)


def build_table(lines: Sequence[Mapping[str, RawValue]]) -> Table:
    """Build a table from lines with their headings as keys; lines may lack some of the keys."""
    titles = list(dict.fromkeys(title for line in lines for title in line))
    return Table(titles, [[format_value(line.get(title)) for title in titles] for line in lines])


def format_percent(fraction: float | None) -> Value:
    """Format a fraction in per cent; empty for None."""
    return Value("") if fraction is None else Value(f"{100 * fraction:.2f}", fraction)


def format_point_difference(fraction: float | None) -> Value:
    """Format a difference of fractions in points; empty for None."""
    return Value("") if fraction is None else Value(format_points(fraction), fraction)
