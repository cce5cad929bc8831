"""Candidate files measured on val with the interpreter that is deployed, each only once."""

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
class Measured:
    """What a file is worth.

    Attributes:
        file: Its bytes.
        correct: How right each sample of val is, float64 (n,), in 0..1.
        group: Of each sample, (n,), or None.
    """

    file: bytes
    correct: np.ndarray
    group: np.ndarray | None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.file)

    @property
    def accuracy(self) -> float:
        """The task's headline measure, in 0..1."""
        return float(self.correct.mean())


Measure = Callable[[bytes], Measured]
# From the names of the tensors that are to stay in float to a file.
Convert = Callable[[Collection[str]], bytes]


def measurer(val: Samples) -> Measure:
    """Make a function that measures files on `val`; equal files are predicted once.

    Args:
        val: What to predict: never the test split, since files are chosen by it.
    """
    known: dict[bytes, Measured] = {}

    def measure(file: bytes) -> Measured:
        if file not in known:
            known[file] = Measured(file, _correct(file, val), val.group)
        return known[file]

    return measure


def _correct(file: bytes, val: Samples) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(file)
        # Of many files the progress of all is told, not that of each.
        with contextlib.redirect_stdout(io.StringIO()):
            found = predict(path, val.x)
    return Predictions.from_samples(val, found.scores(), *found).compute_correctness()
