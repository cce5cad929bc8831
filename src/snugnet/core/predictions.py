"""Predictions of a test split, in one form for all runtimes, and the .npz files that store them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from snugnet.core.decisions import decide
from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.core.samples import Samples, read_npz


@dataclass(frozen=True)
class Predictions:
    """Predictions of a runtime for a test split, with the true labels.

    Attributes:
        scores: Dequantized outputs, float32 (n, k); one column for a binary task.
        labels: True labels, int64 (n,), or uint8 (n, k) for multi-label tasks.
        group: Patient or subject of each sample, (n,), or None.
        raw: Outputs in the model's own output type, (n, k).
        scale: Quantization scale of `raw`; 1.0 for floats. Akida has one scale per column, (k,).
        zero_point: Zero point of `raw`; 0 for floats.
        latency_ns: Latencies of single-sample runs in ns, int64 (m,); empty if not measured.
        task: `multiclass`, `multilabel` or `binary`.
        class_names: Names of the classes.
    """

    scores: np.ndarray
    labels: np.ndarray
    group: np.ndarray | None
    raw: np.ndarray
    scale: float | np.ndarray
    zero_point: int
    latency_ns: np.ndarray
    task: str
    class_names: tuple[str, ...]

    @classmethod
    def from_samples(
        cls,
        samples: Samples,
        scores: np.ndarray,
        raw: np.ndarray,
        scale: float | np.ndarray = 1.0,
        zero_point: int = 0,
        latency_ns: np.ndarray | None = None,
    ) -> Self:
        """Combine outputs of a runtime with the labels of their samples.

        Args:
            samples: Samples that the outputs were computed for.
            scores: See Attributes.
            raw: See Attributes.
            scale: See Attributes.
            zero_point: See Attributes.
            latency_ns: See Attributes; None if not measured.

        Returns:
            The predictions.
        """
        return cls(
            scores=scores,
            labels=samples.y,
            group=samples.group,
            raw=raw,
            scale=scale,
            zero_point=zero_point,
            latency_ns=np.zeros(0, np.int64) if latency_ns is None else latency_ns,
            task=samples.task,
            class_names=samples.class_names,
        )

    def decide(self) -> np.ndarray:
        """Decide for a class or for labels: argmax, or scores of at least 0.5.

        Returns:
            Predicted labels with the shape and dtype of `labels`.
        """
        return decide(self.scores, self.task)

    def compute_correctness(self) -> np.ndarray:
        """Compute the correctness of each sample.

        Returns:
            float64 (n,): 0 or 1; for multi-label tasks the share of correct labels, 0 to 1.
        """
        is_correct = self.decide() == self.labels
        return is_correct.mean(axis=1) if is_correct.ndim == 2 else is_correct.astype(np.float64)


def save_predictions(path: str | Path, predictions: Predictions) -> None:
    """Write predictions to an .npz file; an empty array stands for no group.

    Args:
        path: The file to write.
        predictions: The predictions.
    """
    arrays = vars(predictions).copy()
    if predictions.group is None:
        arrays["group"] = np.zeros(0, dtype=np.int64)
    with atomic_write(path) as partial:
        np.savez(partial, **{name: np.asarray(value) for name, value in arrays.items()})


def load_predictions(path: str | Path) -> Predictions:
    """Read predictions that `save_predictions` wrote.

    Args:
        path: The .npz file.

    Returns:
        The predictions.

    Raises:
        InputError: If the file is missing or truncated, holds pickles, lacks an array, or has
            scores that are not finite.
    """
    arrays = read_npz(path, required=tuple(Predictions.__dataclass_fields__))
    if not np.isfinite(arrays["scores"]).all():
        raise InputError(f"{path}: scores hold NaN or infinity; train the model again")
    return Predictions(
        scores=arrays["scores"],
        labels=arrays["labels"],
        group=arrays["group"] if len(arrays["group"]) else None,
        raw=arrays["raw"],
        scale=arrays["scale"] if arrays["scale"].ndim else float(arrays["scale"]),
        zero_point=int(arrays["zero_point"]),
        latency_ns=arrays["latency_ns"],
        task=str(arrays["task"]),
        class_names=tuple(str(name) for name in arrays["class_names"]),
    )
