"""`snugnet benchmark`: size, latency, memory and accuracy of a file, and of a baseline."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snugnet.cli.console import Json, print_table, report_progress_on_stderr, show_result
from snugnet.cli.options import (
    Arrays,
    BudgetFactor,
    Labels,
    TaskOption,
    make_budget,
    make_source,
)
from snugnet.cli.quality import show_quality
from snugnet.services.benchmark import (
    ROUNDS,
    BenchmarkReport,
    BenchmarkRequest,
    FileMeasurement,
    benchmark,
)

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
Runs = Annotated[int, typer.Option("--runs", min=ROUNDS, help="Number of timed runs.")]
WarmUp = Annotated[
    int,
    typer.Option("--warm-up", min=0, help=f"Untimed runs before each of the {ROUNDS} rounds."),
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
    array: Arrays = None,
    labels: Labels = None,
    task: TaskOption = None,
    budget: BudgetFactor = 1.0,
    as_json: Json = False,
) -> None:
    """Measure size, latency, memory and accuracy of a .tflite file on this machine."""
    limits = make_budget(budget)
    source = None if data is None else make_source(data, array, labels, limits)
    request = BenchmarkRequest(
        model, baseline, source, threads, runs, warm_up, allow_code, task, limits
    )
    with report_progress_on_stderr():
        report = benchmark(request)
    show_result(report, as_json, _show)


# The rows of the table: heading, attribute of `FileMeasurement`, unit, format.
ROWS = (
    ("size", "bytes", "bytes", ",.0f"),
    ("latency, median", "latency_us_median", "µs", ",.1f"),
    ("latency, 95th percentile", "latency_us_p95", "µs", ",.1f"),
    ("throughput", "throughput_per_s", "samples/s", ",.0f"),
    ("peak memory", "peak_memory_bytes", "bytes", ",.0f"),
    ("tensor arena (TensorFlow Lite Micro)", "arena_bytes", "bytes", ",.0f"),
)


def _show(console: Console, report: BenchmarkReport) -> None:
    sides = {"model": report.model}
    if report.baseline is not None:
        sides["baseline"] = report.baseline
    for side, measurement in sides.items():
        console.print(f"{side}: {measurement.file}")
    ratio = ["baseline / model"] * (len(sides) - 1)
    print_table(console, "", ("", "unit", *sides, *ratio), _rows(list(sides.values())))
    request = report.request
    console.print(
        f"{request.threads} thread(s), {request.runs} runs of one sample each in {ROUNDS} rounds, "
        f"each round after {request.warm_up} warm-up runs"
    )
    console.print("Latencies are those on this computer; a microcontroller differs.")
    for side, measurement in sides.items():
        if measurement.arena_reason is not None:
            console.print(f"{side}: {measurement.arena_reason}")
    show_quality(console, report.quality)


def _rows(sides: Sequence[FileMeasurement]) -> Iterator[list[str | None]]:
    for heading, attribute, unit, form in ROWS:
        values = [getattr(side, attribute) for side in sides]
        cells = [None if value is None else format(value, form) for value in values]
        if len(sides) == 2:
            cells.append("" if None in values else f"{values[1] / max(values[0], 1e-9):.2f}")
        yield [heading, unit, *cells]
