"""`snugnet verify`: is a file bit-exact on LiteRT and TensorFlow Lite Micro?"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from snugnet.cli.console import Json, say, working
from snugnet.core.tflite_graph import Graph
from snugnet.int8.node import Profile

Model = Annotated[Path, typer.Argument(help="Full-integer .tflite file.")]
DataPath = Annotated[
    Path | None,
    typer.Option("--data", help="Samples: .npz with x, .npy or .csv (default: random inputs)."),
]
RandomSamples = Annotated[
    int, typer.Option("--samples", min=1, help="Number of random samples, if there is no --data.")
]
Traced = Annotated[
    int,
    typer.Option(
        "--traced",
        min=1,
        help="Number of samples for which every tensor is compared, not only outputs.",
    ),
]
# Random samples are the same in every run.
SEED = 0


def command(
    model: Model,
    data: DataPath = None,
    samples: RandomSamples = 64,
    traced: Traced = 8,
    as_json: Json = False,
) -> None:
    """Compare LiteRT and TensorFlow Lite Micro with the integer engine, tensor by tensor.

    Exit code: 0 if every tensor is identical, 1 otherwise.
    """
    with working():
        found = verify(model, data, samples, traced)
    say(found, as_json, _show)
    if any(found[str(profile)]["verdict"] != "exact" for profile in Profile):
        raise typer.Exit(1)


def verify(path: Path, data: Path | None, count: int, traced: int) -> dict[str, Any]:
    """Certify a file; see `tflite.verify.certify` for what is given, and `inputs`, whose they are.

    Raises:
        InputError: If the file or the samples are unusable.
        OSError: If a file cannot be read.
    """
    from snugnet.cli import data as user
    from snugnet.tflite.flatbuffer import read_graph

    graph = read_graph(path)
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    x = None if data is None else user.read(data, shape).x
    found = certified(path, graph, x, count, traced)
    return {**found, "inputs": "random" if data is None else str(data)}


def certified(
    path: Path, graph: Graph, x: np.ndarray | None, count: int, traced: int
) -> dict[str, Any]:
    """Certify a file with samples, or, where there are none, with so many random ones."""
    from snugnet.cli import data as user
    from snugnet.tflite.runtimes.litert import predict
    from snugnet.verify.certificate import certify

    x = user.drawn(graph, count, SEED) if x is None else x
    return certify(path, x, predict(path, x).raw, _decisions, min(traced, len(x)))


def _decisions(raw: np.ndarray) -> np.ndarray:
    """The largest output; of one output itself, which has no other to be compared with."""
    return raw.argmax(axis=1) if raw.shape[1] > 1 else raw[:, 0]


def _show(console: Console, found: dict[str, Any]) -> None:
    console.print(f"samples: {found['samples']} ({found['inputs']})", markup=False)
    for profile in Profile:
        said = found[str(profile)]
        console.print(f"{profile}: [bold]{said['verdict']}[/bold]")
        if said["verdict"] == "unsupported":
            console.print(f"  {said['reason']}", markup=False)
            continue
        console.print(
            f"  compared: {said['tensors']} tensors of {said['samples_traced']} samples, and the "
            "outputs of all samples"
        )
        if said["verdict"] == "differs":
            first = said["first_operator"]
            console.print(
                f"  {said['mismatches']} values differ by up to {said['worst_lsb']} LSB; the "
                f"first at operator {first['operator']} {first['name']}"
            )
    if found["xnnpack"] is not None:
        console.print(f"LiteRT's default kernels: {_departure(found['xnnpack'])}")
    if found["arena_bytes"] is not None:
        console.print(f"tensor arena (TensorFlow Lite Micro): {found['arena_bytes']:,} bytes")


def _departure(found: dict[str, Any]) -> str:
    if not found["fraction"]:
        return "identical"
    return f"{100 * found['fraction']:.2g} % of outputs differ, by up to {found['worst_lsb']} LSB"
