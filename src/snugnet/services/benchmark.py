"""Measure size, latency, memory and accuracy of a .tflite file on this machine."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.confidence import CONFIDENCE
from snugnet.core.samples import Samples
from snugnet.core.tflite_graph import Graph
from snugnet.evaluation.accuracy import (
    Accuracy,
    Difference,
    join_json,
    measure_accuracy,
    measure_difference,
)
from snugnet.services import user_data
from snugnet.services.arguments import ArgumentError
from snugnet.services.evaluate import predict_file
from snugnet.services.model_files import tflite_file
from snugnet.services.peak_memory import measure_peak_memory

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
        threads: Number of LiteRT threads.
        runs: Number of timed runs of one sample each.
        warm_up: Number of untimed runs before each round.
        allow_code: Python file that defines custom layers of a Keras baseline. It is executed.
    """

    model: Path
    baseline: Path | None = None
    data: Path | None = None
    threads: int = 1
    runs: int = 500
    warm_up: int = 10
    allow_code: Path | None = None


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
        accuracy: Accuracy of the file; None if it was not measured.
        difference: Difference from the baseline; None without one.
        reason: Why accuracy was not measured; None if it was.
    """

    request: BenchmarkRequest
    model: FileMeasurement
    baseline: FileMeasurement | None
    accuracy: Accuracy | None
    difference: Difference | None
    reason: str | None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "model": asdict(self.model),
            "baseline": None if self.baseline is None else asdict(self.baseline),
            "threads": self.request.threads,
            "runs": self.request.runs,
            "warm_up": self.request.warm_up,
            "accuracy": join_json(self.accuracy, self.difference),
            "reason": self.reason,
        }


def benchmark(request: BenchmarkRequest) -> BenchmarkReport:
    """Measure a file, and a baseline beside it.

    Raises:
        InputError: If a file or the samples are unusable.
        OSError: If a file cannot be read.
    """
    from snugnet.tflite.flatbuffer import read_graph

    graph = read_graph(request.model)
    x, samples, reason = _read_samples(graph, request.data)
    baseline = request.baseline
    if baseline is not None and baseline.suffix != ".tflite":
        from snugnet.models.loading import keras2

        keras2.configure(seed=0, threads=1)
    opened = nullcontext() if baseline is None else tflite_file(baseline, request.allow_code)
    with opened as baseline_file:
        files = [request.model] if baseline_file is None else [request.model, baseline_file]
        names = [request.model] if baseline is None else [request.model, baseline]
        latencies = _time_in_turns(files, x, request)
        measurements = [
            _measure(file, str(name), times, x, request.threads)
            for file, name, times in zip(files, names, latencies, strict=True)
        ]
        accuracy, difference = _measure_accuracy(files, samples)
    return BenchmarkReport(
        request=request,
        model=measurements[0],
        baseline=measurements[1] if len(measurements) > 1 else None,
        accuracy=accuracy,
        difference=difference,
        reason=reason,
    )


def _read_samples(graph: Graph, path: Path | None) -> tuple[np.ndarray, Samples | None, str | None]:
    """Read inputs, and labelled samples if there are any.

    Returns:
        The inputs, (n, ...); the labelled samples, or None; why there are none, or None.
    """
    if path is None:
        inputs = user_data.draw_random_samples(graph, RANDOM_SAMPLES)
        return inputs, None, "no data, so the inputs are random"
    data = user_data.read(path, graph.tensors[graph.inputs[0]].shape[1:])
    x = user_data.as_model_input(data.x, raw=False)
    if data.y is None:
        return x, None, f"{path}: the file has no labels (array y)"
    shape = graph.tensors[graph.outputs[0]].shape
    if len(shape) != 2:
        return x, None, f"the output has shape {list(shape)}, which is not that of a classifier"
    labelled = user_data.Data(x, data.y, data.group)
    return x, user_data.build_labelled_samples(labelled, shape[1], str(path)), None


def _time_in_turns(
    files: Sequence[Path], x: np.ndarray, request: BenchmarkRequest
) -> list[np.ndarray]:
    """Time files in turns; return the nanoseconds of each run, by file."""
    from snugnet.tflite.runtimes.litert import measure_latency

    counts = [len(part) for part in np.array_split(np.arange(request.runs), ROUNDS)]
    rounds = [
        [measure_latency(path, x, count, request.warm_up, request.threads) for path in files]
        for count in counts
    ]
    return [np.concatenate(times) for times in zip(*rounds, strict=True)]


def _measure(
    path: Path, name: str, times: np.ndarray, x: np.ndarray, threads: int
) -> FileMeasurement:
    from snugnet.verification.comparison import measure_arena

    median, p95 = np.percentile(times, [50, 95]) / 1000
    arena = measure_arena(path.read_bytes())
    is_rejected = isinstance(arena, Exception)
    return FileMeasurement(
        file=name,
        bytes=path.stat().st_size,
        latency_us_median=round(float(median), 2),
        latency_us_p95=round(float(p95), 2),
        throughput_per_s=round(1e9 / float(times.mean()), 1),
        peak_memory_bytes=measure_peak_memory(path, x, threads),
        arena_bytes=None if isinstance(arena, Exception) else arena,
        arena_reason=f"TensorFlow Lite Micro rejects the file: {arena}" if is_rejected else None,
    )


def _measure_accuracy(
    files: Sequence[Path], samples: Samples | None
) -> tuple[Accuracy | None, Difference | None]:
    if samples is None:
        return None, None
    predictions = [predict_file(path, samples) for path in files]
    accuracy = measure_accuracy(predictions[0], CONFIDENCE)
    if len(predictions) == 1:
        return accuracy, None
    if predictions[0].scores.shape != predictions[1].scores.shape:
        raise ArgumentError(
            "baseline",
            None,
            f"it has outputs of shape {predictions[1].scores.shape[1:]}, but the model has "
            f"{predictions[0].scores.shape[1:]}. Compare models with the same classes.",
        )
    return accuracy, measure_difference(predictions[0], predictions[1], CONFIDENCE)
