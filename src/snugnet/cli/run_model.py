"""`snugnet run`: outputs of a full-integer model, from the bit-exact integer engine."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from snugnet.cli.console import Json, say, table, working
from snugnet.int8.node import Profile

Model = Annotated[
    Path, typer.Argument(help="Model: .tflite, or .npz or .json from `snugnet export`.")
]
DataPath = Annotated[
    Path, typer.Argument(help="Samples: .npz with x and optionally y, .npy with x, or .csv.")
]
Kernels = Annotated[Profile, typer.Option("--profile", help="Runtime whose kernels to reproduce.")]
Raw = Annotated[
    bool, typer.Option("--raw", help="Take x as integers of the input's type: do not quantize it.")
]
# How many samples are shown to people.
SHOWN = 20


def command(
    model: Model,
    data: DataPath,
    profile: Kernels = Profile.LITERT_REF,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Run a full-integer model on samples, bit-exact to LiteRT or TensorFlow Lite Micro."""
    with working():
        found = run(model, data, profile, raw)
    say(found, as_json, _show)


def run(path: Path, data: Path, profile: Profile, raw: bool) -> dict[str, Any]:
    """Run a model on samples and return the report of `int8.classification_report`.

    Raises:
        InputError: If a file is damaged or does not fit.
        OSError: If a file cannot be read.
    """
    from snugnet.cli import data as samples
    from snugnet.int8 import load
    from snugnet.int8.classification_report import report_predictions

    model = load(path, profile)
    given = samples.read(data, model.inputs[0].shape[1:])
    return report_predictions(model, samples.in_type(given.x, raw), given.y)


def _show(console: Console, found: dict[str, Any]) -> None:
    if "outputs" in found:
        for place, output in enumerate(found["outputs"]):
            console.print(f"output {place}: {output[:SHOWN]}")
        return
    pairs = list(zip(found["decision"], found["raw"], strict=True))
    rows = ((place, decision, values) for place, (decision, values) in enumerate(pairs[:SHOWN]))
    table(console, "", ("sample", "decision", "raw output"), rows)
    if len(pairs) > SHOWN:
        console.print(f"… and {len(pairs) - SHOWN} more (--json prints all)")
    if "accuracy" in found:
        console.print(f"accuracy {found['accuracy']:.4f} on {len(pairs)} samples")
