"""`snugnet init`: write a study for your own data and, optionally, your own model."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, report_progress_on_stderr, show_result
from snugnet.core.errors import InputError
from snugnet.services.study_init import ROLES, InitReport, InitRequest, init_study

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
Arrays = Annotated[
    list[str] | None,
    typer.Option(
        "--array",
        help=f"ROLE=NAME: role of the array or column NAME. Roles: {', '.join(ROLES)}. Repeatable.",
    ),
]
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
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the configuration of a study for your own data, with or without your own model."""
    request = InitRequest(
        data, model, output, name, _parse_arrays(array or []), _parse_window(window), force
    )
    with report_progress_on_stderr():
        report = init_study(request)
    show_result(report, as_json, _show)


def _parse_arrays(options: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in options]
    for role, equals, name in pairs:
        if role not in ROLES or not equals or not name:
            raise InputError(
                f"--array {role}{equals}{name}: expected ROLE=NAME. Roles: {', '.join(ROLES)}."
            )
    return {role: name for role, _, name in pairs}


def _parse_window(option: str | None) -> list[int] | None:
    if option is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,6}(,[1-9]\d{0,6})?", option):
        raise InputError(f"--window {option}: expected TIME,CHANNELS, for example 128,6.")
    return [int(number) for number in option.split(",")]


def _show(console: Console, report: InitReport) -> None:
    shape = " x ".join(map(str, report.shape))
    console.print(f"sample shape: {shape}, task: {report.task}", markup=False)
    for name, split in report.splits.items():
        groups = "" if split.groups is None else f" from {split.groups} groups"
        classes = ", ".join(f"{label} {count}" for label, count in split.classes.items())
        console.print(f"{name}: {split.samples} samples{groups}: {classes}", markup=False)
    for name, reason in report.unfit.items():
        console.print(f"variant {name} is left out: {reason}", markup=False)
    console.print(f"written: {', '.join(map(str, report.files))}", markup=False)
    console.print("run the study with:", markup=False)
    console.print(f"  {report.command}", markup=False)
