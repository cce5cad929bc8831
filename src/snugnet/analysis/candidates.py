"""Accuracy and size of candidate .tflite files, measured on val with the LiteRT interpreter."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snugnet.core.predictions import Predictions
from snugnet.core.samples import Samples
from snugnet.tflite.runtimes.litert import predict


@dataclass(frozen=True)
class Measurement:
    """Accuracy and size of a .tflite file.

    Attributes:
        file: Content of the file.
        correct: Correctness of each val sample, float64 (n,), in 0..1.
        group: Group of each sample, (n,), or None.
    """

    file: bytes
    correct: np.ndarray
    group: np.ndarray | None

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return len(self.file)

    @property
    def accuracy(self) -> float:
        """Accuracy on val, the headline metric of the task, in 0..1."""
        return float(self.correct.mean())


# A function that measures the content of a file.
Measure = Callable[[bytes], Measurement]
# A function that converts a model; it takes the names of the tensors that stay in float.
Convert = Callable[[Collection[str]], bytes]


def create_measure(val: Samples) -> Measure:
    """Create a function that measures files on `val`; it measures equal files only once.

    Args:
        val: Samples to predict. Never the test split, because files are chosen by the result.
    """
    known: dict[bytes, Measurement] = {}

    def measure(file: bytes) -> Measurement:
        if file not in known:
            known[file] = Measurement(file, _compute_correct(file, val), val.group)
        return known[file]

    return measure


def _compute_correct(file: bytes, val: Samples) -> np.ndarray:
    """Predict `val` with a file; return the correctness of each sample, float64 (n,)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(file)
        # The caller prints the progress over all files; that of each file is hidden.
        with contextlib.redirect_stdout(io.StringIO()):
            prediction = predict(path, val.x)
    return Predictions.from_samples(
        val, prediction.scores(), prediction.raw, prediction.scale, prediction.zero_point
    ).compute_correctness()
