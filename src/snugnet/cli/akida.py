"""`snugnet akida check`: list the layers of a Keras model that do not run on BrainChip's Akida."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from snugnet.cli.console import (
    Json,
    bold,
    join,
    make_console,
    print_json,
    print_table,
    report_progress_on_stderr,
)
from snugnet.cli.options import BudgetFactor, make_budget
from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.services.akida import AkidaCheck, check

if TYPE_CHECKING:
    from snugnet.akida.preflight_report import Obstacle

app = typer.Typer(help="Commands for BrainChip's Akida.")
SchemeName = StrEnum("SchemeName", {name: name for name in AKIDA_SCHEMES})  # type: ignore[misc]
Model = Annotated[Path, typer.Argument(help="Keras model: .h5, .keras or SavedModel folder.")]
SchemeOption = Annotated[
    SchemeName | None, typer.Option("--scheme", help="Akida scheme to check (default: all).")
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="Akida device (default: the largest one of each scheme)."),
]


@app.callback()
def _group() -> None:
    """Commands for BrainChip's Akida."""


@app.command("check")
def command(
    model: Model,
    scheme: SchemeOption = None,
    device: Device = None,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """List every layer that does not run on Akida, with the reason and a fix.

    Exit code: 0 if the model fits with every checked scheme, 1 otherwise.
    """
    schemes = list(AKIDA_SCHEMES) if scheme is None else [str(scheme)]
    with report_progress_on_stderr():
        checks = check(model, schemes, device, make_budget(budget))
    if as_json:
        print_json({"model": str(model), "schemes": [result.to_json() for result in checks]})
    else:
        _show(make_console(), checks)
    if not all(result.fits for result in checks):
        raise typer.Exit(1)


def _show(console: Console, checks: list[AkidaCheck]) -> None:
    """Print the verdict of each scheme, and each table once."""
    by_obstacles: dict[tuple[Obstacle, ...], list[AkidaCheck]] = {}
    for result in checks:
        by_obstacles.setdefault(result.obstacles, []).append(result)
    for obstacles, results in by_obstacles.items():
        for result in results:
            verdict = "fits" if result.fits else "does not fit"
            console.print(join(f"{result.scheme} on {result.device}: ", bold(verdict)))
        rows = ((obstacle.layer, obstacle.rule, obstacle.fix) for obstacle in obstacles)
        print_table(console, "", ("layer", "problem", "fix"), rows)
