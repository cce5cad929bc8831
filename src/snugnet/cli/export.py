"""`snugnet export`: a model as C arrays for firmware, or as a file for NumPy."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, report_progress_on_stderr, show_result
from snugnet.cli.options import Arrays, BudgetFactor, Force, make_budget, make_source
from snugnet.services.export import ExportReport, ExportRequest, Format, export

Model = Annotated[Path, typer.Argument(help="TFLite file to export.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", help="Output path (default: the model's path with the new suffix)."),
]
DataPath = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Samples. The first one becomes the golden input (default: random input)."
    ),
]
FormatOption = Annotated[
    Format,
    typer.Option(
        "--to", help="Format: C source with a golden input and output, or a file for NumPy."
    ),
]


def command(
    model: Model,
    to: FormatOption,
    output: Output = None,
    data: DataPath = None,
    array: Arrays = None,
    force: Force = False,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """Export a model as C source with a golden input and output, or as a file for NumPy."""
    limits = make_budget(budget)
    source = None if data is None else make_source(data, array, None, limits)
    with report_progress_on_stderr():
        report = export(ExportRequest(model, to, output, source, force, limits))
    show_result(report, as_json, _show)


def _show(console: Console, report: ExportReport) -> None:
    for path, size in report.written.items():
        console.print(f"{path}: {size:,} bytes")
