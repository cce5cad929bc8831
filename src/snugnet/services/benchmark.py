"""Measure size, latency, memory and accuracy of a .tflite file on this machine."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.errors import InputError
from snugnet.core.input_range import measure_saturation
from snugnet.core.inputs import describe_inputs
from snugnet.core.samples import Samples
from snugnet.core.tasks import ModelEnds, TaskChoice
from snugnet.core.tflite_graph import Graph
from snugnet.services import user_data
from snugnet.services.arguments import ArgumentError
from snugnet.services.evaluate import predict_file
from snugnet.services.labels import build_samples
from snugnet.services.model_files import tflite_file
from snugnet.services.peak_memory import measure_peak_memory
from snugnet.services.quality import Quality, measure_quality
from snugnet.services.resources import check_resources

# Files are timed in turns, so that other load on the machine affects all of them alike.
ROUNDS = 10
# Number of random samples without data.
RANDOM_SAMPLES = 64


@dataclass(frozen=True)
class BenchmarkRequest:
    """A request to measure a file.

    Attributes:
        model: The .tflite file.
        baseline: Model to compare with: .tflite, or a Keras model; None for none.
        data: Test samples; None for random inputs, without accuracy.
        task: The task of the model; None to find it.
        threads: Number of LiteRT threads.
        runs: Number of timed runs of one sample each.
        warm_up: Number of untimed runs before each round.
        allow_code: Python file that defines custom layers of a Keras baseline. It is executed.
        budget: Limits on work and memory.
    """

    model: Path
    baseline: Path | None = None
    data: user_data.DataSource | None = None
    threads: int = 1
    runs: int = 500
    warm_up: int = 10
    allow_code: Path | None = None
    task: str | None = None
    budget: Budget = DEFAULT_BUDGET


@dataclass(frozen=True)
class FileMeasurement:
    """What was measured of one file.

    Attributes:
        file: Path of the file.
        bytes: Its size.
        latency_us_median: Median latency of one sample, in microseconds.
        latency_us_p95: 95th percentile of the latency, in microseconds.
        throughput_per_s: Samples per second, one after the other.
        peak_memory_bytes: Rise of the process's peak memory.
        arena_bytes: Tensor arena on TensorFlow Lite Micro; None if that rejects the file.
        arena_reason: Reason why TensorFlow Lite Micro rejects the file; None if it does not.
    """

    file: str
    bytes: int
    latency_us_median: float
    latency_us_p95: float
    throughput_per_s: float
    peak_memory_bytes: int
    arena_bytes: int | None
    arena_reason: str | None


@dataclass(frozen=True)
class BenchmarkReport:
    """Result of a benchmark.

    Attributes:
        request: The request.
        model: What was measured of the file.
        baseline: What was measured of the baseline; None without one.
        quality: Quality of the file, and the difference from the baseline; or why it was not
            measured.
    """

    request: BenchmarkRequest
    model: FileMeasurement
    baseline: FileMeasurement | None
    quality: Quality

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "model": asdict(self.model),
            "baseline": None if self.baseline is None else asdict(self.baseline),
            "threads": self.request.threads,
            "runs": self.request.runs,
            "warm_up": self.request.warm_up,
            **self.quality.to_json(),
        }


@dataclass(frozen=True)
class Inputs:
    """What the files are run on.

    Attributes:
        x: Inputs, (n, ...).
        samples: The same with labels; None without usable labels.
        choice: The task; None likewise.
        used: Name of the array or column of the data that is used for each role.
        possible_groups: Names of unused arrays that look like patients or subjects.
        reason: Why there are no samples with labels; None if there are some.
    """

    x: np.ndarray
    samples: Samples | None = None
    choice: TaskChoice | None = None
    used: Mapping[str, str] = field(default_factory=dict)
    possible_groups: tuple[str, ...] = ()
    reason: str | None = None


def benchmark(request: BenchmarkRequest) -> BenchmarkReport:
    """Measure a file, and a baseline beside it.

    Raises:
        InputError: If a file or the samples are unusable.
        OSError: If a file cannot be read.
    """
    from snugnet.tflite.flatbuffer import read_graph

    graph = read_graph(request.model)
    drawn = RANDOM_SAMPLES if request.data is None else 1
    check_resources(request.model, graph, drawn, request.budget)
    inputs = _read_inputs(graph, request)
    x = inputs.x
    baseline = request.baseline
    if baseline is not None and baseline.suffix != ".tflite":
        from snugnet.models.loading import keras2

        keras2.configure(seed=0, threads=1)
    opened = (
        nullcontext()
        if baseline is None
        else tflite_file(baseline, request.allow_code, request.budget)
    )
    with opened as baseline_file:
        files = [request.model] if baseline_file is None else [request.model, baseline_file]
        names = [request.model] if baseline is None else [request.model, baseline]
        if baseline_file is not None:
            baseline_graph = read_graph(baseline_file)
            _check_baseline(graph, baseline_graph)
            if baseline_file == baseline:  # a Keras model was checked when it was converted
                check_resources(baseline_file, baseline_graph, drawn, request.budget)
        latencies = _time_in_turns(files, x, request)
        measurements = [
            _measure(file, str(name), times, x, request)
            for file, name, times in zip(files, names, latencies, strict=True)
        ]
        quality = Quality(reason=inputs.reason)
        if inputs.samples is not None and inputs.choice is not None:
            quality = _measure_quality(files, inputs.samples, inputs.choice, request.budget)
            quality = replace(quality, possible_groups=inputs.possible_groups)
    if request.data is not None:
        saturation = measure_saturation(graph, x)
        quality = replace(quality, used=inputs.used, saturation=saturation)
    return BenchmarkReport(
        request=request,
        model=measurements[0],
        baseline=measurements[1] if len(measurements) > 1 else None,
        quality=quality,
    )


def _check_baseline(graph: Graph, baseline: Graph) -> None:
    """Check that a baseline takes the same samples as the model."""
    inputs = [ModelEnds.of_graph(entry).inputs for entry in (baseline, graph)]
    shapes = [[entry.shape for entry in ports] for ports in inputs]
    if shapes[0] != shapes[1] and set(inputs[0]) != set(inputs[1]):
        texts = [describe_inputs(ports) for ports in inputs]
        raise ArgumentError(
            "baseline",
            None,
            f"it takes samples of shape {texts[0]}, but the model takes {texts[1]}. Compare "
            "models with the same inputs.",
        )


def _read_inputs(graph: Graph, request: BenchmarkRequest) -> Inputs:
    """Read inputs, and labelled samples if there are any."""
    if request.data is None:
        x = user_data.draw_random_samples(graph, RANDOM_SAMPLES)
        return Inputs(x, reason="no data, so the inputs are random")
    ends = ModelEnds.of_graph(graph)
    data = user_data.read(request.data, ends.inputs)
    data = replace(data, x=user_data.as_model_input(data.x, raw=False))
    inputs = Inputs(data.x, used=data.used, possible_groups=data.possible_groups)
    try:
        samples, choice = build_samples(data, ends, str(request.data), request.task)
    except InputError as error:
        if request.task is not None:
            raise
        return replace(inputs, reason=str(error))
    return replace(inputs, samples=samples, choice=choice)


def _time_in_turns(
    files: Sequence[Path], x: np.ndarray, request: BenchmarkRequest
) -> list[np.ndarray]:
    """Time files in turns; return the nanoseconds of each run, by file."""
    from snugnet.tflite.runtimes.isolated import measure_latency

    counts = [len(part) for part in np.array_split(np.arange(request.runs), ROUNDS)]
    rounds = [
        [
            measure_latency(path, x, count, request.warm_up, request.threads, request.budget)
            for path in files
        ]
        for count in counts
    ]
    return [np.concatenate(times) for times in zip(*rounds, strict=True)]


def _measure(
    path: Path, name: str, times: np.ndarray, x: np.ndarray, request: BenchmarkRequest
) -> FileMeasurement:
    from snugnet.verification.comparison import measure_arena

    median, p95 = np.percentile(times, [50, 95]) / 1000
    arena = measure_arena(path.read_bytes(), request.budget)
    is_rejected = isinstance(arena, Exception)
    return FileMeasurement(
        file=name,
        bytes=path.stat().st_size,
        latency_us_median=round(float(median), 2),
        latency_us_p95=round(float(p95), 2),
        throughput_per_s=round(1e9 / float(times.mean()), 1),
        peak_memory_bytes=measure_peak_memory(path, x, request.threads, request.budget),
        arena_bytes=None if isinstance(arena, Exception) else arena,
        arena_reason=f"TensorFlow Lite Micro rejects the file: {arena}" if is_rejected else None,
    )


def _measure_quality(
    files: Sequence[Path], samples: Samples, choice: TaskChoice, budget: Budget
) -> Quality:
    predictions = [predict_file(path, samples, budget) for path in files]
    if len(predictions) == 1:
        return measure_quality(predictions[0], None, choice)
    if predictions[0].scores.shape != predictions[1].scores.shape:
        raise ArgumentError(
            "baseline",
            None,
            f"it has outputs of shape {predictions[1].scores.shape[1:]}, but the model has "
            f"{predictions[0].scores.shape[1:]}. Compare models with the same classes.",
        )
    return measure_quality(predictions[0], predictions[1], choice)
