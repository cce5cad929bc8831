"""`snugnet init`: write a study for your own data and, optionally, your own model."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, report_progress_on_stderr, show_result
from snugnet.cli.options import (
    BudgetFactor,
    Labels,
    TaskOption,
    make_array_option,
    make_budget,
    parse_arrays,
    parse_labels,
)
from snugnet.core.errors import InputError
from snugnet.core.text import format_count
from snugnet.services.study_init import ROLES, InitReport, InitRequest, init_study
from snugnet.services.study_text import describe_sample

Data = Annotated[Path, typer.Option("--data", help="Your samples: .npz with x and y, or .csv.")]
Model = Annotated[
    Path | None,
    typer.Option("--model", help="Your trained Keras model (default: train a small network)."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        help="Study file to write (default: config/NAME.yaml in a clone, else config.yaml).",
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", help="Name of model and dataset (default: from the data file)."),
]
Arrays = Annotated[list[str] | None, make_array_option(ROLES)]
Window = Annotated[
    str | None,
    typer.Option("--window", help="TIME,CHANNELS: shape of a .csv row, for example 64,3."),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Replace existing files of the study, even if you edited them."),
]


def command(
    data: Data,
    model: Model = None,
    output: Output = None,
    name: Name = None,
    array: Arrays = None,
    window: Window = None,
    labels: Labels = None,
    task: TaskOption = None,
    force: Force = False,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """Write the configuration of a study for your own data, with or without your own model."""
    request = InitRequest(
        data,
        model,
        output,
        name,
        parse_arrays(array or ()),
        _parse_window(window),
        force,
        parse_labels(labels),
        task,
        make_budget(budget),
    )
    with report_progress_on_stderr():
        report = init_study(request)
    show_result(report, as_json, _show)


def _parse_window(option: str | None) -> list[int] | None:
    if option is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,6}(,[1-9]\d{0,6})?", option):
        raise InputError(f"--window {option}: expected TIME,CHANNELS, for example 128,6.")
    return [int(number) for number in option.split(",")]


def _show(console: Console, report: InitReport) -> None:
    console.print(f"sample shape: {describe_sample(report.inputs)}, task: {report.task}")
    for name, split in report.splits.items():
        groups = "" if split.groups is None else f" from {format_count(split.groups, 'group')}"
        classes = ", ".join(f"{label} {count}" for label, count in split.classes.items())
        console.print(": ".join(filter(None, [name, f"{split.samples} samples{groups}", classes])))
    for warning in report.warnings:
        console.print(f"warning: {warning}")
    for name, reason in report.unfit.items():
        console.print(f"variant {name} is left out: {reason}")
    console.print(f"written: {', '.join(map(str, report.files)) or 'nothing, no file changed'}")
    console.print("run the study with:")
    console.print(f"  {report.command}")
