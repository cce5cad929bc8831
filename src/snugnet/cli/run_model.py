"""`snugnet run`: what a full-integer model computes, by the engine, bit for bit."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from snugnet.cli.console import Json, say, table, working
from snugnet.int8.node import Profile

Model = Annotated[Path, typer.Argument(help="A .tflite file, or .npz or .json that was exported.")]
Samples = Annotated[Path, typer.Argument(help=".npz with x (and y), .npy, or .csv.")]
Kernels = Annotated[Profile, typer.Option("--profile", help="Whose kernels are reproduced.")]
Raw = Annotated[bool, typer.Option("--raw", help="x holds integers of the input's own type.")]
# How many samples are shown to people.
SHOWN = 20


def command(
    model: Model,
    data: Samples,
    profile: Kernels = Profile.LITERT_REF,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Run a full-integer model on samples, bit for bit as a runtime does."""
    with working():
        found = run(model, data, profile, raw)
    say(found, as_json, _show)


def run(path: Path, data: Path, profile: Profile, raw: bool) -> dict[str, Any]:
    """Run a model; see `int8.answers.predicted` for what is given.

    Raises:
        InputError: If a file is damaged or does not fit.
        OSError: If a file cannot be read.
    """
    from snugnet.cli import data as samples
    from snugnet.int8 import load
    from snugnet.int8.answers import predicted

    model = load(path, profile)
    given = samples.read(data, model.inputs[0].shape[1:])
    return predicted(model, samples.in_type(given.x, raw), given.y)


def _show(console: Console, found: dict[str, Any]) -> None:
    if "outputs" in found:
        for place, output in enumerate(found["outputs"]):
            console.print(f"output {place}: {output[:SHOWN]}")
        return
    pairs = list(zip(found["decision"], found["raw"], strict=True))
    rows = ((place, decision, values) for place, (decision, values) in enumerate(pairs[:SHOWN]))
    table(console, "", ("sample", "decision", "raw output"), rows)
    if len(pairs) > SHOWN:
        console.print(f"… and {len(pairs) - SHOWN} more (--json gives all)")
    if "accuracy" in found:
        console.print(f"accuracy {found['accuracy']:.4f} of {len(pairs)} samples")
