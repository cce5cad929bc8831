"""`snugnet benchmark`: size, latency, memory and accuracy of a file, and of a baseline."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console

from snugnet.cli.console import Json, say, table, working
from snugnet.cli.judge import compared, show_comparison

if TYPE_CHECKING:
    from snugnet.core.samples import Samples
    from snugnet.core.tflite_graph import Graph

CONFIDENCE = 0.95
# Files are timed in turns, so that what else the machine does meets all of them alike.
TURNS = 10
# How many random samples stand in for a user's.
DRAWN = 64

Model = Annotated[Path, typer.Option("--model", help="TFLite file to measure.")]
Baseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        help="Model to compare with: .tflite, or a Keras model (converted to float32 TFLite).",
    ),
]
DataPath = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Test samples: .npz with x and y, .npy with x, or .csv (default: random inputs).",
    ),
]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Number of LiteRT threads.")]
Runs = Annotated[int, typer.Option("--runs", min=TURNS, help="Number of timed runs.")]
WarmUp = Annotated[
    int,
    typer.Option("--warm-up", min=0, help=f"Untimed runs before each of the {TURNS} rounds."),
]
Code = Annotated[
    Path | None,
    typer.Option(
        "--allow-code",
        help="Python file that defines custom layers of the Keras baseline. The file is executed.",
    ),
]


def command(
    model: Model,
    baseline: Baseline = None,
    data: DataPath = None,
    threads: Threads = 1,
    runs: Runs = 500,
    warm_up: WarmUp = 10,
    allow_code: Code = None,
    as_json: Json = False,
) -> None:
    """Measure size, latency, memory and accuracy of a .tflite file on this machine."""
    with working():
        found = benchmark(model, baseline, data, threads, runs, warm_up, allow_code)
    say(found, as_json, _show)


def benchmark(
    model: Path,
    baseline: Path | None,
    data: Path | None,
    threads: int,
    runs: int,
    warm_up: int,
    code: Path | None = None,
) -> dict[str, Any]:
    """Measure a file, and another one beside it; see the options of the command.

    Returns:
        Ready for JSON: `model` and `baseline` (or None), each with `file`, `bytes`,
        `latency_us_median`, `latency_us_p95`, `throughput_per_s` (single samples, one after the
        other), `peak_memory_bytes`, `arena_bytes` (None if TensorFlow Lite Micro refuses it, and
        `arena_why`); `threads`, `runs`, `warm_up`; `accuracy` (`judge.compared`; None if nothing
        could be judged, and `why`).

    Raises:
        InputError: If a file or the samples are unusable.
        OSError: If a file cannot be read.
    """
    from snugnet.tflite.flatbuffer import read_graph

    graph = read_graph(model)
    x, samples, why = _samples(graph, data)
    with _as_tflite(baseline, code) as other:
        files = [model] if other is None else [model, other]
        times = _timed(files, x, threads, runs, warm_up)
        measured = [_measured(*pair, x, threads) for pair in zip(files, times, strict=True)]
        accuracy = None if samples is None else compared(model, other, samples, CONFIDENCE)
    if baseline is not None:
        measured[1]["file"] = str(baseline)
    return {
        "model": measured[0],
        "baseline": measured[1] if baseline is not None else None,
        "threads": threads,
        "runs": runs,
        "warm_up": warm_up,
        "accuracy": accuracy,
        "why": why,
    }


def _samples(graph: "Graph", path: Path | None) -> tuple[np.ndarray, "Samples | None", str | None]:
    """Give inputs, and if there are labels all that judges; else why there is nothing to judge."""
    from snugnet.cli import data
    from snugnet.core.samples import Samples

    if path is None:
        return data.drawn(graph, DRAWN, seed=0), None, "no --data, so the inputs are random"
    given = data.read(path, graph.tensors[graph.inputs[0]].shape[1:])
    x = data.in_type(given.x, raw=False)
    if given.y is None:
        return x, None, f"{path}: the file has no labels (array y)"
    shape = graph.tensors[graph.outputs[0]].shape
    if len(shape) != 2:
        return x, None, f"the output has shape {list(shape)}, which is not that of a classifier"
    task = data.task_of(given.y, shape[1])
    y = data.labels_for(given.y, task, shape[1], path)
    names = tuple(map(str, range(max(2, shape[1]))))
    return x, Samples(x, y, names, task, given.group), None


@contextmanager
def _as_tflite(baseline: Path | None, code: Path | None) -> Iterator[Path | None]:
    """Give a baseline as a .tflite file: a Keras model in float32."""
    if baseline is None or baseline.suffix == ".tflite":
        yield baseline
        return
    from snugnet.cli.quantize import as_float32
    from snugnet.models.loading import keras2
    from snugnet.models.loading.keras_files import load_keras_file

    keras2.configure(seed=0, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.tflite"
        path.write_bytes(as_float32(baseline, load_keras_file(baseline, code))[1])
        yield path


def _timed(
    files: list[Path], x: np.ndarray, threads: int, runs: int, warm_up: int
) -> list[np.ndarray]:
    """Time files in turns; nanoseconds of each run, a file."""
    from snugnet.tflite.runtimes.litert import measure_latency

    sizes = [len(part) for part in np.array_split(np.arange(runs), TURNS)]
    turns = [[measure_latency(path, x, size, warm_up, threads) for path in files] for size in sizes]
    return [np.concatenate(times) for times in zip(*turns, strict=True)]


def _measured(path: Path, times: np.ndarray, x: np.ndarray, threads: int) -> dict[str, Any]:
    from snugnet.cli.footprint import peak_memory

    median, late = np.percentile(times, [50, 95]) / 1000
    arena, why = _arena(path)
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "latency_us_median": round(float(median), 2),
        "latency_us_p95": round(float(late), 2),
        "throughput_per_s": round(1e9 / float(times.mean()), 1),
        "peak_memory_bytes": peak_memory(path, x, threads),
        "arena_bytes": arena,
        "arena_why": why,
    }


def _arena(path: Path) -> tuple[int | None, str | None]:
    from snugnet.tflite.runtimes.micro import measure_arena
    from snugnet.verify.certificate import REFUSALS

    try:
        return measure_arena(path.read_bytes()), None
    except REFUSALS as error:
        return None, f"TensorFlow Lite Micro rejects the file: {error}"


# The rows of the table: what, where it is found, its unit, its form.
SHOWN = (
    ("size", "bytes", "bytes", ",.0f"),
    ("latency, median", "latency_us_median", "µs", ",.1f"),
    ("latency, 95th percentile", "latency_us_p95", "µs", ",.1f"),
    ("throughput", "throughput_per_s", "samples/s", ",.0f"),
    ("peak memory", "peak_memory_bytes", "bytes", ",.0f"),
    ("tensor arena (TensorFlow Lite Micro)", "arena_bytes", "bytes", ",.0f"),
)


def _show(console: Console, found: dict[str, Any]) -> None:
    sides = {side: found[side] for side in ("model", "baseline") if found[side] is not None}
    for side, measured in sides.items():
        console.print(f"{side}: {measured['file']}", markup=False)
    ratio = ["baseline / model"] * (len(sides) - 1)
    table(console, "", ("", "unit", *sides, *ratio), _rows(list(sides.values())))
    console.print(
        f"{found['threads']} thread(s), {found['runs']} runs of one sample each in {TURNS} rounds, "
        f"each round after {found['warm_up']} warm-up runs"
    )
    for side, measured in sides.items():
        if measured["arena_why"] is not None:
            console.print(f"{side}: {measured['arena_why']}", markup=False)
    if found["accuracy"] is not None:
        show_comparison(console, found["accuracy"])
    else:
        console.print(f"accuracy not measured: {found['why']}", markup=False)


def _rows(sides: list[dict[str, Any]]) -> Iterator[list[str | None]]:
    for name, key, unit, form in SHOWN:
        values = [side[key] for side in sides]
        cells = [None if value is None else format(value, form) for value in values]
        if len(sides) == 2:
            cells.append("" if None in values else f"{values[1] / max(values[0], 1e-9):.2f}")
        yield [name, unit, *cells]
