"""Markdown pages about Akida: accuracy at each step, mapped programs and the pre-flight check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from snugnet.akida.preflight_report import PreflightReport
from snugnet.core.akida_schemes import AKIDA_RUNTIMES
from snugnet.core.cell_network import find_network
from snugnet.core.text import escape_cell
from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.table import choose_arrow
from snugnet.report.table import Table, build_text_table, format_markdown

INTRODUCTION = """# Akida

Accuracy is measured on the test split. PTQ is the model that quantizeml quantized after training.
QAT is the model that was fine-tuned with quantizers. The columns `Keras` show the accuracy of the
quantized model, computed by Keras with the chip's arithmetic. The columns `Akida` show the accuracy
of the converted program, computed by Akida's simulator. An arrow marks a significant difference
from float32 (paired test, Holm's correction within the model, as in metrics.csv). `~` marks a
difference that is not significant.

The table of programs has these columns:

- `equal decisions`: share of the simulator's decisions that are the same in Keras.
- `potentials`: `exact` if all integers before the last activation are equal; otherwise the first
  layer that differs.
- `equal decisions (quantizeml rounding)`: the same share if Keras rounds like quantizeml instead of
  using the chip's arithmetic.
- `outside train range`, `outside program range`: number of values in the test split outside the
  range of the train split, and outside the range of the program's input. These values saturate.
"""

PREFLIGHT = """# Pre-flight check

The check runs on untrained networks. A network fits if it can be quantized and converted, and if
the device runs all of it in hardware. BrainChip's own tools decide whether a network fits.
Snugnet's rules list all obstacles at once.
"""


@dataclass(frozen=True)
class AkidaCell:
    """An Akida cell with its confusion matrix.

    Attributes:
        result: The row of the results.
        confusion: Counts by true class (rows) and predicted class (columns); for a multi-label
            task, one matrix for each label. None if the cell was not measured.
        class_names: Names of the classes or labels.
    """

    result: ResultRow
    confusion: Sequence[Any] | None
    class_names: Sequence[str]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read a row of the results from the JSON file of its metrics, joined with its cell."""
        return cls(
            ResultRow.from_columns(values), values.get("confusion"), values.get("class_names", ())
        )


@dataclass(frozen=True)
class Program:
    """An Akida program, with the results of both runtimes.

    Attributes:
        keras: Row of the quantized Keras model.
        akida: Row of the program in Akida's simulator.
    """

    keras: ResultRow
    akida: ResultRow

    @property
    def is_qat(self) -> bool:
        """Whether the model was fine-tuned with quantizers."""
        return self.akida.method == "qat"

    @property
    def network(self) -> tuple[str, str]:
        """Model and variant of the float network."""
        row = self.akida
        return row.model, find_network(row.scheme, row.variant, row.method, row.parent)


def render_akida_page(cells: Sequence[AkidaCell]) -> str:
    """Render the page about the Akida cells of a study.

    Args:
        cells: The Akida cells, with `p_holm` of the table of all results.

    Returns:
        The page in Markdown.
    """
    rows = [cell.result for cell in cells]
    parts = [
        INTRODUCTION,
        format_steps(rows),
        _format_unfit_cells(rows),
        *_format_confusions(cells),
    ]
    return "\n".join(part for part in parts if part)


def render_preflight_page(reports: Sequence[PreflightReport]) -> str:
    """Render the page about the pre-flight check, which runs before any training.

    Args:
        reports: Results of the check.

    Returns:
        The page in Markdown.
    """
    verdicts = build_text_table(
        ["model", "scheme", "device", "fits"],
        [
            [report.model, report.scheme, report.device, "yes" if report.fits else "no"]
            for report in reports
        ],
    )
    obstacles = build_text_table(
        ["model", "scheme", "layer", "obstacle", "fix"],
        [
            [report.model, report.scheme, obstacle.layer, obstacle.rule, obstacle.fix]
            for report in reports
            for obstacle in report.obstacles
        ],
    )
    parts = [PREFLIGHT, f"{format_markdown(verdicts)}\n"]
    if obstacles.rows:
        parts.append(f"## Obstacles\n\n{format_markdown(obstacles)}\n")
    return "\n".join(parts)


def format_steps(rows: Sequence[ResultRow]) -> str:
    """Format the accuracy from the float network to the program, and the table of programs.

    Args:
        rows: Rows of the results, with `p_holm`. Rows that are not of Akida, or that were not
            measured, are left out.

    Returns:
        Markdown; empty if there is no program.
    """
    accuracies = tabulate_accuracies(rows)
    if not accuracies.rows:
        return ""
    return (
        f"## Accuracy by step\n\n{format_markdown(accuracies)}\n\n"
        f"## Programs\n\n{format_markdown(tabulate_programs(rows))}\n"
    )


def tabulate_accuracies(rows: Sequence[ResultRow]) -> Table:
    """Tabulate the accuracy from float32 to the program, one line for each network and scheme.

    Args:
        rows: Rows as for `format_steps`.
    """
    networks: dict[tuple[str, str], dict[str, list[Program]]] = {}
    for program in _pair_runtimes(rows):
        schemes = networks.setdefault(program.network, {})
        schemes.setdefault(program.akida.scheme, []).append(program)
    titles = [
        "model",
        "variant",
        "scheme",
        "float32 [%]",
        "PTQ, Keras [%]",
        "PTQ, Akida [%]",
        "QAT, Keras [%]",
        "QAT, Akida [%]",
    ]
    lines = [
        [
            model,
            variant,
            scheme,
            _format_float_accuracy(programs[0].akida),
            *_format_runtimes([program for program in programs if not program.is_qat]),
            *_format_runtimes([program for program in programs if program.is_qat]),
        ]
        for (model, variant), schemes in networks.items()
        for scheme, programs in schemes.items()
    ]
    return build_text_table(titles, lines)


def tabulate_programs(rows: Sequence[ResultRow]) -> Table:
    """Tabulate the programs, one line each: agreement with Keras, device and size.

    Args:
        rows: Rows as for `format_steps`.
    """
    titles = [
        "model",
        "variant",
        "scheme",
        "equal decisions",
        "potentials",
        "equal decisions (quantizeml rounding)",
        "outside train range",
        "outside program range",
        "device",
        "processors",
        "program [KiB]",
        "smallest device",
    ]
    return build_text_table(
        titles, [_format_program(program.akida) for program in _pair_runtimes(rows)]
    )


def _pair_runtimes(rows: Sequence[ResultRow]) -> list[Program]:
    """Pair the rows of the two runtimes; leave out programs that lack a runtime."""
    cells: dict[tuple[str, str, str], dict[str, ResultRow]] = {}
    for row in rows:
        if row.is_measured and row.runtime in AKIDA_RUNTIMES:
            cell = (row.model, row.variant, row.scheme)
            cells.setdefault(cell, {})[row.runtime] = row
    return [
        Program(runtimes["keras"], runtimes["akida"])
        for runtimes in cells.values()
        if len(runtimes) == 2
    ]


def _format_float_accuracy(row: ResultRow) -> str:
    """Format the accuracy of the float32 file that a row is compared with."""
    if row.accuracy is None or row.delta_float is None:
        return ""
    return f"{100 * (row.accuracy - row.delta_float):.2f}"


def _format_runtimes(programs: Sequence[Program]) -> tuple[str, str]:
    """Format the accuracies of the last program in Keras and in Akida; empty without any."""
    if not programs:
        return "", ""
    return _format_accuracy(programs[-1].keras), _format_accuracy(programs[-1].akida)


def _format_program(row: ResultRow) -> list[str]:
    hardware = "all" if row.akida_hardware else "not all"
    return [
        row.model,
        row.variant,
        row.scheme,
        _format_share(row.akida_decisions_equal),
        _format_potentials(row),
        _format_share(row.akida_quantizeml_equal),
        _format_optional(row.akida_beyond_train),
        _format_optional(row.akida_beyond_program),
        f"{row.akida_device}: {hardware} in hardware",
        _format_optional(row.akida_processors),
        _format_kib(row.akida_program_bytes),
        _format_optional(row.akida_smallest_device),
    ]


def _format_accuracy(row: ResultRow) -> str:
    if row.accuracy is None or row.delta_float is None:
        return ""
    return f"{100 * row.accuracy:.2f} {choose_arrow(row.delta_float, row.p_holm)}".rstrip()


def _format_potentials(row: ResultRow) -> str:
    if row.akida_potentials == "exact":
        return "exact"
    return f"differ, first at {row.akida_first_layer}"


def _format_optional(value: str | float | None) -> str:
    if value is None or pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, float) else str(value)


def _format_share(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4%}"


def _format_kib(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value / 1024:.1f}"


def _format_unfit_cells(rows: Sequence[ResultRow]) -> str:
    table = tabulate_unfit_cells(rows)
    return f"## Models that do not fit\n\n{format_markdown(table)}\n" if table.rows else ""


def tabulate_unfit_cells(rows: Sequence[ResultRow]) -> Table:
    """Tabulate the cells without a program, or with a program that runs partly on the host.

    Args:
        rows: Rows as for `format_steps`; those with a `reason` are listed, each cell once.
    """
    reasons = {
        (row.model, row.variant, row.scheme): row.reason for row in rows if row.reason is not None
    }
    return build_text_table(
        ["model", "variant", "scheme", "reason"],
        [[*cell, reason] for cell, reason in reasons.items()],
    )


def _format_confusions(cells: Sequence[AkidaCell]) -> list[str]:
    parts = []
    for cell in cells:
        row = cell.result
        if row.is_measured:
            title = f"{row.model}, {row.variant}, {row.scheme}, {row.runtime}"
            tables = [frame.to_markdown() for frame in _build_confusion_frames(cell)]
            parts.append("\n\n".join([f"### {title}", *tables]) + "\n")
    return ["## Confusion matrices\n", *parts] if parts else []


def _build_confusion_frames(cell: AkidaCell) -> list[pd.DataFrame]:
    """Build the confusion matrices: one of all classes, or one for each label if multi-label."""
    names, confusion = list(map(escape_cell, cell.class_names)), cell.confusion or ()
    if cell.result.task != "multilabel":
        frame = pd.DataFrame(confusion, index=names, columns=names)
        return [frame.rename_axis("truth")]
    tables = []
    for name, matrix in zip(names, confusion, strict=True):
        sides = (f"not {name}", name)
        tables.append(pd.DataFrame(matrix, index=sides, columns=sides).rename_axis("truth"))
    return tables
