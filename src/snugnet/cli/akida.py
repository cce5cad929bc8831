"""`snugnet akida check`: does a Keras model run on BrainChip's Akida, and if not, why."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from snugnet.cli.console import Json, say, table, working
from snugnet.core.akida_schemes import AKIDA_SCHEMES, DEVICES
from snugnet.core.errors import InputError

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
    model: Model, scheme: SchemeOption = None, device: Device = None, as_json: Json = False
) -> None:
    """List every layer that does not run on Akida, with the reason and a fix.

    Exit code: 0 if the model fits with every checked scheme, 1 otherwise.
    """
    with working():
        found = check(model, list(AKIDA_SCHEMES) if scheme is None else [scheme], device)
    say({"model": str(model), "schemes": found}, as_json, _show)
    if not all(one["fits"] for one in found):
        raise typer.Exit(1)


def check(path: Path, names: list[str], device: str | None) -> list[dict[str, Any]]:
    """Check a model against schemes; see `akida.preflight.build_report` for what is given of each.

    Raises:
        InputError: If the file is no such model, or no scheme's generation has the device.
        OSError: If the file cannot be read.
    """
    schemes = [AKIDA_SCHEMES[name] for name in names]
    devices = [device or DEVICES[scheme.version][-1] for scheme in schemes]
    for scheme, wanted in zip(schemes, devices, strict=True):
        if wanted not in DEVICES[scheme.version]:
            allowed = ", ".join(DEVICES[scheme.version])
            raise InputError(
                f"--device {wanted}: unknown device for scheme {scheme.name}. Known: {allowed}."
            )
    from snugnet.akida.preflight import build_report, preflight
    from snugnet.models.loading import keras2
    from snugnet.models.loading.keras_files import load_foreign

    keras2.configure(seed=0, threads=1)
    model = load_foreign(path)
    return [
        build_report(preflight(model, scheme, wanted), scheme, wanted)
        for scheme, wanted in zip(schemes, devices, strict=True)
    ]


def _show(console: Console, found: dict[str, Any]) -> None:
    for one in found["schemes"]:
        verdict = "fits" if one["fits"] else "does not fit"
        console.print(f"{one['scheme']} on {one['device']}: [bold]{verdict}[/bold]")
        if not one["fits"]:
            rows = ((o["layer"], o["rule"], o["fix"]) for o in one["obstacles"])
            table(console, "", ("layer", "problem", "fix"), rows)
