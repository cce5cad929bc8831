"""`snugnet explain`: the arithmetic of one output element of a full-integer model."""

from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, report_progress_on_stderr, show_result
from snugnet.cli.options import (
    Arrays,
    BudgetFactor,
    DataPath,
    Kernels,
    Model,
    Raw,
    make_budget,
    make_source,
)
from snugnet.core.errors import InputError
from snugnet.int8.node import Profile
from snugnet.services.explain import ExplainRequest, Explanation, explain

# Number of values of a list that are shown to people.
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
    array: Arrays = None,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """Show step by step how one element of an operator's output is computed."""
    indices = _parse_indices(element)
    limits = make_budget(budget)
    source = make_source(data, array, None, limits)
    request = ExplainRequest(model, source, operator, indices, sample, profile, raw, limits)
    with report_progress_on_stderr():
        explanation = explain(request)
    show_result(explanation, as_json, _show)


def _parse_indices(element: str) -> list[int]:
    try:
        return [int(number) for number in element.split(",") if number]
    except ValueError:
        raise InputError(
            f"--element {element}: not a list of integers. Write it like 0,3,1,7."
        ) from None


def _show(console: Console, explanation: Explanation) -> None:
    for name, value in explanation.steps:
        shown = value
        if isinstance(value, list) and len(value) > SHOWN:
            first = str(value[:SHOWN]).removesuffix("]")
            shown = f"{first}, … ({len(value)} values; --json prints all)"
        console.print(f"{name}: {shown}")
