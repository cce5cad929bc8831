"""`snugnet akida`: what keeps a Keras model from BrainChip's chips."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from snugnet.akida.schemes import AKIDA_SCHEMES, DEVICES
from snugnet.cli.console import Json, say, table, working
from snugnet.errors import InputError

app = typer.Typer(help="For BrainChip's Akida.")
Name = StrEnum("Name", {name: name for name in AKIDA_SCHEMES})  # type: ignore[misc]
Model = Annotated[Path, typer.Argument(help="A Keras model: .h5, .keras or a SavedModel.")]
Scheme = Annotated[Name | None, typer.Option("--scheme", help="One of them; else all.")]
Device = Annotated[str | None, typer.Option("--device", help="Where to run; else the largest.")]


@app.callback()
def _group() -> None:
    """For BrainChip's Akida."""


@app.command("check")
def command(
    model: Model, scheme: Scheme = None, device: Device = None, as_json: Json = False
) -> None:
    """List all that keeps a model from the chip, with what would do; ends with 1 if anything."""
    with working():
        found = check(model, list(AKIDA_SCHEMES) if scheme is None else [scheme], device)
    say({"model": str(model), "schemes": found}, as_json, _show)
    if not all(one["fits"] for one in found):
        raise typer.Exit(1)


def check(path: Path, names: list[str], device: str | None) -> list[dict[str, Any]]:
    """Check a model against schemes; see `akida.preflight.report` for what is given of each.

    Raises:
        InputError: If the file is no such model, or no scheme's generation has the device.
        OSError: If the file cannot be read.
    """
    schemes = [AKIDA_SCHEMES[name] for name in names]
    devices = [device or DEVICES[scheme.version][-1] for scheme in schemes]
    for scheme, wanted in zip(schemes, devices, strict=True):
        if wanted not in DEVICES[scheme.version]:
            allowed = ", ".join(DEVICES[scheme.version])
            raise InputError(f"--device {wanted}: of scheme {scheme.name} allowed are {allowed}")
    from snugnet.akida.preflight import preflight, report
    from snugnet.models import keras2
    from snugnet.models.foreign import load_foreign

    keras2.configure(seed=0, threads=1)
    model = load_foreign(path)
    return [
        report(preflight(model, scheme, wanted), scheme, wanted)
        for scheme, wanted in zip(schemes, devices, strict=True)
    ]


def _show(console: Console, found: dict[str, Any]) -> None:
    for one in found["schemes"]:
        verdict = "fits" if one["fits"] else "does not fit"
        console.print(f"{one['scheme']} on {one['device']}: [bold]{verdict}[/bold]")
        if not one["fits"]:
            rows = ((o["layer"], o["rule"], o["fix"]) for o in one["obstacles"])
            table(console, "", ("layer", "what stands in the way", "what would do"), rows)
