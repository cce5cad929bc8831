"""`snugnet explain`: the arithmetic of one output element of a full-integer model."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from snugnet.cli.console import Json, say, working
from snugnet.cli.run_model import DataPath, Kernels, Model, Raw
from snugnet.core.errors import InputError
from snugnet.int8.node import Profile

# How many numbers of a list are shown to people.
SHOWN = 20
Operator = Annotated[
    int, typer.Option("--operator", help="Index of the operator, as printed by `snugnet inspect`.")
]
Element = Annotated[
    str,
    typer.Option(
        "--element", help="Index of the element in the operator's output, for example 0,3,1,7."
    ),
]
Sample = Annotated[int, typer.Option("--sample", help="Index of the sample in the data.")]


def command(
    model: Model,
    data: DataPath,
    operator: Operator,
    element: Element,
    sample: Sample = 0,
    profile: Kernels = Profile.LITERT_REF,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Show step by step how one element of an operator's output is computed."""
    with working():
        found = explain(model, data, operator, _indices(element), sample, profile, raw)
    say(found, as_json, _show)


def explain(
    path: Path,
    data: Path,
    operator: int,
    element: list[int],
    sample: int,
    profile: Profile,
    raw: bool,
) -> dict[str, Any]:
    """Explain one element; see `Model.explain` for the steps.

    Raises:
        InputError: If there is no such operator, element or sample, or a file is wrong.
        OSError: If a file cannot be read.
    """
    from snugnet.cli import data as samples
    from snugnet.int8 import load

    model = load(path, profile)
    given = samples.read(data, model.inputs[0].shape[1:])
    if not 0 <= sample < len(given.x):
        raise InputError(
            f"--sample {sample}: out of range. {data} has samples 0 to {len(given.x) - 1}."
        )
    one = samples.in_type(given.x[sample : sample + 1], raw)
    return dict(model.explain(one, operator, element))


def _indices(element: str) -> list[int]:
    try:
        return [int(number) for number in element.split(",") if number]
    except ValueError:
        raise InputError(
            f"--element {element}: not a list of integers. Write it like 0,3,1,7."
        ) from None


def _show(console: Console, found: dict[str, Any]) -> None:
    for name, value in found.items():
        long = isinstance(value, list) and len(value) > SHOWN
        shown = (
            f"{str(value[:SHOWN])[:-1]}, … ({len(value)} values; --json prints all)"
            if long
            else value
        )
        console.print(f"{name}: {shown}", markup=False)
