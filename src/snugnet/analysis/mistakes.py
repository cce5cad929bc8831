"""What common mistakes with integer inputs and outputs cost, measured with the deployed file.

A device gets integers, and somebody's code makes them of real numbers: `round(x / scale) +
zero_point`, saturated. Each mistake here leaves out a part of that, or of the way back at the
output. The file itself is the same throughout.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snugnet.core.affine import nearest, quantize
from snugnet.core.predictions import Predictions
from snugnet.evaluate.statistics import difference_interval, paired_p
from snugnet.tflite.flatbuffer import read_graph
from snugnet.tflite.runtimes.litert import Prediction, dequantize, predict


class Grid(NamedTuple):
    """The integers of a tensor: type, what one step stands for, and which integer stands for 0."""

    dtype: str
    scale: float
    zero_point: int


class Mistake(NamedTuple):
    """A wrong way from real inputs to integers.

    Attributes:
        words: What is done.
        integers: From inputs and their grid to integers of the grid's type.
    """

    words: str
    integers: Callable[[np.ndarray, Grid], np.ndarray]


def _truncated(x: np.ndarray, grid: Grid) -> np.ndarray:
    """Cast as languages do it, towards zero; int64, so that nothing wraps yet."""
    with np.errstate(over="ignore"):
        return np.trunc(x.astype(np.float64) / grid.scale + grid.zero_point).astype(np.int64)


def _saturated(values: np.ndarray, grid: Grid) -> np.ndarray:
    info = np.iinfo(grid.dtype)
    return np.clip(values, info.min, info.max).astype(grid.dtype)


def _rounded(x: np.ndarray, grid: Grid) -> np.ndarray:
    return nearest(x, grid.scale, grid.zero_point).astype(np.int64)


def _without_zero_point(x: np.ndarray, grid: Grid) -> np.ndarray:
    return quantize(x, grid.scale, 0, grid.dtype)


# NumPy's cast from int64 keeps the low bits: values wrap, as in the slides' code and in C.
MISTAKES = {
    "cast": Mistake(
        "cast without rounding, saturated", lambda x, grid: _saturated(_truncated(x, grid), grid)
    ),
    "wrap": Mistake(
        "rounded, but wraps instead of saturating",
        lambda x, grid: _rounded(x, grid).astype(grid.dtype),
    ),
    "cast_and_wrap": Mistake(
        "cast without rounding, wraps instead of saturating",
        lambda x, grid: _truncated(x, grid).astype(grid.dtype),
    ),
    "input_zero_point": Mistake("zero point forgotten at the input", _without_zero_point),
}
OUTPUT_ZERO_POINT = "output_zero_point"


def measure(
    path: str | Path, x: np.ndarray, right: Predictions, batch_size: int, confidence: float
) -> dict[str, Any]:
    """Make each mistake on all samples and compare with the same file used right.

    Args:
        path: A .tflite file with integer input and output.
        x: Inputs in real units, (n, ...).
        right: What the file predicts for them when used right.
        batch_size: Samples in one invocation.
        confidence: Of the intervals.

    Returns:
        Ready for JSON: `n`, `accuracy` (used right), `saturated` (share of input values that lie
        beyond the input's range and are cut off even when used right), and `mistakes`, one mapping
        each: `name`, `words`, `accuracy`, `delta` (from used right, in 0..1), `delta_low`,
        `delta_high`, `p` (as `paired_p` gives it).
    """
    grid = _input_grid(path)
    found = {
        name: (mistake.words, _fed(path, mistake.integers(x, grid), grid, batch_size))
        for name, mistake in MISTAKES.items()
    }
    # At the output nothing is computed anew: the same integers are read as if 0 stood for 0.
    wrong = Prediction(right.raw, float(right.scale), 0)
    found[OUTPUT_ZERO_POINT] = ("zero point forgotten at the output", wrong)
    rows = []
    for name, (words, prediction) in found.items():
        cost = _cost(right, prediction, confidence)
        rows.append({"name": name, "words": words, **cost})
    return {
        "n": len(x),
        "accuracy": float(right.compute_correctness().mean()),
        "saturated": float(_beyond(x, grid).mean()),
        "mistakes": rows,
    }


def _input_grid(path: str | Path) -> Grid:
    graph = read_graph(path)
    tensor = graph.tensors[graph.inputs[0]]
    return Grid(tensor.dtype, float(tensor.scales[0]), int(tensor.zero_points[0]))


def _fed(path: str | Path, integers: np.ndarray, grid: Grid, batch_size: int) -> Prediction:
    """Predict from integers, by way of the real numbers that they stand for."""
    return predict(path, dequantize(integers, grid.scale, grid.zero_point), batch_size)


def _beyond(x: np.ndarray, grid: Grid) -> np.ndarray:
    """Tell which values saturate."""
    info, levels = np.iinfo(grid.dtype), _rounded(x, grid)
    return (levels < info.min) | (levels > info.max)


def _cost(right: Predictions, wrong: Prediction, confidence: float) -> Mapping[str, Any]:
    mistaken = replace(right, scores=wrong.scores(), raw=wrong.raw)
    ours, truth = mistaken.compute_correctness(), right.compute_correctness()
    low, high = difference_interval(ours, truth, right.group, confidence)
    return {
        "accuracy": float(ours.mean()),
        "delta": float(ours.mean() - truth.mean()),
        "delta_low": low,
        "delta_high": high,
        "p": paired_p(ours, truth, right.group),
    }
