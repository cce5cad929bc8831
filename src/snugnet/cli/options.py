"""Arguments and options that several commands have."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.errors import InputError
from snugnet.core.tasks import Task
from snugnet.int8.node import Profile
from snugnet.services.user_data import ROLES, DataSource


def make_array_option(roles: Iterable[str]) -> OptionInfo:
    """Return the option `--array` of a command whose data can have these roles."""
    return typer.Option(
        "--array",
        help=(
            f"ROLE=NAME: role of the array or column NAME. Roles: {', '.join(roles)}; or the name "
            "of one of several inputs. Repeatable."
        ),
    )


Model = Annotated[
    Path, typer.Argument(help="Model: .tflite, or .npz or .json from `snugnet export`.")
]
DataPath = Annotated[
    Path, typer.Argument(help="Samples: .npz with x and optionally y, .npy with x, or .csv.")
]
Kernels = Annotated[Profile, typer.Option("--profile", help="Runtime whose kernels to reproduce.")]
Raw = Annotated[
    bool,
    typer.Option(
        "--raw", help="The samples are already integers of the input's type: do not quantize them."
    ),
]
Arrays = Annotated[list[str] | None, make_array_option(ROLES)]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        help="NAME,NAME,…: names of the classes in the order of the model's outputs.",
    ),
]
TaskOption = Annotated[
    Task | None,
    typer.Option("--task", help="Task of the model (default: from the last layer and the labels)."),
]
BudgetFactor = Annotated[
    float,
    typer.Option(
        "--budget",
        help="Multiply the limits on work and memory for files by this number.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output file.")]


def make_budget(factor: float) -> Budget:
    """Return the budget for the option `--budget`."""
    return DEFAULT_BUDGET.scale(factor)


def make_source(
    path: Path, arrays: Sequence[str] | None, labels: str | None, budget: Budget
) -> DataSource:
    """Describe the samples of a command.

    Args:
        path: The file.
        arrays: Values of `--array`.
        labels: Value of `--labels`.
        budget: Limits for the memory of the samples.

    Raises:
        InputError: If an option has another form.
    """
    names = parse_labels(labels)
    return DataSource(path, parse_arrays(arrays or ()), names, budget)


def parse_labels(labels: str | None) -> tuple[str, ...]:
    """Parse the value of `--labels`.

    Raises:
        InputError: If names are empty or equal.
    """
    names = tuple(name.strip() for name in labels.split(",")) if labels else ()
    if len(set(names)) < len(names) or "" in names:
        raise InputError(f"--labels {labels}: expected different names, separated by commas.")
    return names


def parse_arrays(options: Sequence[str]) -> dict[str, str]:
    """Parse values of `--array`: ROLE=NAME. Known roles depend on the inputs of the model.

    Raises:
        InputError: If a value has another form.
    """
    pairs = [text.partition("=") for text in options]
    for role, equals, name in pairs:
        if not role or not equals or not name:
            raise InputError(
                f"--array {role}{equals}{name}: expected ROLE=NAME, for example y=label."
            )
    return {role: name for role, _, name in pairs}
