"""LiteRT and TensorFlow Lite Micro in a child process without rights.

Both are written in C++ and check only a part of a file. A file of a stranger could take over the
process that runs it, and some files of the converter end it. So the child returns only arrays.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snugnet.core.budget import UNLIMITED, Budget
from snugnet.core.errors import InputError
from snugnet.core.isolation import (
    Arrays,
    compute_in_child,
    raise_failure,
    run_without_rights,
)
from snugnet.core.sandbox import NO_RIGHTS, Rights
from snugnet.tflite.model_file import ModelFile
from snugnet.tflite.runtimes.one_by_one import Results

if TYPE_CHECKING:
    from snugnet.tflite.runtimes.litert import Prediction


def predict(file: Path | ModelFile, x: np.ndarray, budget: Budget = UNLIMITED) -> "Prediction":
    """Run a file on samples; see `litert.predict`.

    Args:
        file: A .tflite file with one output, or its path.
        x: Samples in real units, (n, ...).
        budget: Limit of memory.

    Raises:
        InputError: As for `litert.predict`, or if LiteRT crashes.
        BudgetError: If it needs more memory than the budget allows.
    """
    from snugnet.tflite.runtimes import litert

    def work() -> Arrays:
        raw, scale, zero_point = litert.predict(file, x)
        return raw, np.array(scale), np.array(zero_point)

    raw, scale, zero_point = _compute(work, file, budget, [2, 0, 0])
    if len(raw) != len(x):
        raise InputError(f"{file}: LiteRT returned outputs of shape {list(raw.shape)}")
    return litert.Prediction(raw, float(scale), int(zero_point))


def measure_latency(
    path: Path, x: np.ndarray, runs: int, warm_up: int, threads: int, budget: Budget = UNLIMITED
) -> np.ndarray:
    """Measure the latency of a file; see `litert.measure_latency`."""
    from snugnet.tflite.runtimes import litert

    def work() -> Arrays:
        return [litert.measure_latency(path, x, runs, warm_up, threads)]

    (times,) = _compute(work, path, budget, [1])
    return times


def run(
    runtime: Any, file: ModelFile, x: np.ndarray, traced: int, budget: Budget = UNLIMITED
) -> Results:
    """Run a file on samples one by one; see `run_one_by_one`.

    Args:
        runtime: The module of the runtime: `micro` or `reference`.
        file: The file.
        x: Samples in the types of the inputs, (n, ...), in the order of the file.
        traced: Number of first samples for which all tensors are kept.
        budget: Limit of memory.

    Raises:
        RuntimeError: If the runtime rejects the file, or crashes.
        BudgetError: If it needs more memory than the budget allows.
    """
    indices = [index for operator in file.graph.operators for index in operator.outputs]
    count = min(traced, len(x))

    def work() -> Arrays:
        outputs, traces = runtime.run(file.content, file.graph, x, count)
        return [outputs, *(trace[index] for trace in traces for index in indices)]

    outputs, *arrays = _attempt(work, file.name, budget) or [np.zeros(0)]
    if len(arrays) != count * len(indices) or not outputs.ndim or len(outputs) != len(x):
        raise RuntimeError("the runtime did not return all tensors")
    rest = iter(arrays)
    return outputs, [
        dict(zip(indices, islice(rest, len(indices)), strict=True)) for _ in range(count)
    ]


def measure_arena(content: bytes, budget: Budget = UNLIMITED) -> int:
    """Measure the tensor arena of a file on TensorFlow Lite Micro; see `micro.measure_arena`.

    Raises:
        RuntimeError: If the runtime rejects the file, or crashes.
    """
    from snugnet.tflite.runtimes import micro

    arrays = _attempt(lambda: [np.array([micro.measure_arena(content)])], "the file", budget)
    if [array.shape for array in arrays] != [(1,)]:
        raise RuntimeError("the runtime did not return the size of its arena")
    return int(arrays[0][0])


def _attempt(work: Callable[[], Arrays], name: str, budget: Budget) -> tuple[np.ndarray, ...]:
    """Run a runtime that verifies the engine: that it rejects a file is a result."""

    def run() -> Arrays:
        try:
            return work()
        except (RuntimeError, ValueError) as error:
            raise InputError(str(error)) from None

    result = run_without_rights(run, budget, has_time_limit=False)
    if result.crash:
        raise RuntimeError(f"the runtime crashed on this file ({result.crash})")
    if result.is_out_of_memory:
        raise_failure(result, budget, f"{name}: running it")
    if result.status:
        raise RuntimeError(result.message or "the runtime fails on this file")
    return result.arrays


def _compute(
    work: Callable[[], Arrays], file: Path | ModelFile, budget: Budget, axes: Sequence[int]
) -> tuple[np.ndarray, ...]:
    """Compute arrays with known numbers of axes; LiteRT must be able to run the file."""
    kept = NO_RIGHTS if isinstance(file, ModelFile) else Rights(readable=(file,))
    what = f"{file}: running it with LiteRT"
    arrays = compute_in_child(work, budget, what, kept, has_time_limit=False)
    if [array.ndim for array in arrays] != list(axes):
        raise InputError(f"{file}: LiteRT did not return the outputs; the file is damaged")
    return arrays
