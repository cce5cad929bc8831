"""`snugnet export`: a model as C source or C arrays, or as a file for NumPy."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, report_progress_on_stderr, show_result
from snugnet.cli.options import (
    Arrays,
    BudgetFactor,
    Labels,
    make_budget,
    make_source,
    parse_labels,
)
from snugnet.int8.node import Profile
from snugnet.services.arguments import ArgumentError
from snugnet.services.export import ExportReport, ExportRequest, Format, export
from snugnet.services.firmware import FirmwareExport, export_firmware

Model = Annotated[Path, typer.Argument(help="TFLite file to export.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        help="Output path (default: the model's path with the new suffix; for firmware: a folder "
        "with the model's name and _firmware).",
    ),
]
DataPath = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Samples. The first one becomes the golden input; for firmware, golden vectors are "
        "chosen among the first 64 (default: random inputs).",
    ),
]
FormatOption = Annotated[
    Format,
    typer.Option(
        "--to",
        help="firmware: C99 source that computes the model, with golden vectors and a self-test. "
        "c: the file as a C array with a golden input and output, for TensorFlow Lite Micro. "
        "npz, json: a file for NumPy.",
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", help="firmware: prefix of all names in C. [default: model]"),
]
Record = Annotated[
    Path | None,
    typer.Option(
        "--record",
        help="firmware: record.json of the study's dataset, whose scaling the header describes.",
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        help="firmware: cortex-m0, cortex-m4, cortex-m33 or cortex-m55. Measures the model there, "
        "as `snugnet emulate`, for the README of the folder. Repeatable.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace existing output files. firmware: also write into a folder with other files.",
    ),
]
KernelsOption = Annotated[
    Profile | None,
    typer.Option("--profile", help="firmware: runtime whose bits to compute. [default: tflm]"),
]


def command(
    model: Model,
    to: FormatOption,
    output: Output = None,
    data: DataPath = None,
    array: Arrays = None,
    name: Name = None,
    labels: Labels = None,
    record: Record = None,
    target: Targets = None,
    profile: KernelsOption = None,
    force: Force = False,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """Export a model: as C99 source, as a C array for TensorFlow Lite Micro, or for NumPy."""
    limits = make_budget(budget)
    source = None if data is None else make_source(data, array, None, limits)
    if to != Format.FIRMWARE:
        options = {"name": name, "labels": labels, "record": record, "target": target}
        _refuse(to, {**options, "profile": profile})
        with report_progress_on_stderr():
            report = export(ExportRequest(model, to, output, source, force, limits))
        show_result(report, as_json, _show)
        return
    with report_progress_on_stderr():
        firmware = export_firmware(
            model,
            output or model.with_name(f"{model.stem}_firmware"),
            source,
            name or "model",
            parse_labels(labels),
            record,
            target or (),
            profile or Profile.TFLM,
            force,
            limits,
        )
    show_result(firmware, as_json, _show_firmware)


def _refuse(to: Format, options: dict[str, object]) -> None:
    """Refuse options that only the format `firmware` has."""
    for name, value in options.items():
        if value:
            raise ArgumentError(name, None, f"only with --to firmware, not with --to {to}.")


def _show(console: Console, report: ExportReport) -> None:
    for path, size in report.written.items():
        console.print(f"{path}: {size:,} bytes")


def _show_firmware(console: Console, report: FirmwareExport) -> None:
    for path in report.written:
        console.print(f"written: {path}")
    for name, text in report.summary().items():
        console.print(f"{name}: {text}")
