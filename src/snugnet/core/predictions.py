"""Predictions of a test split, in one form for all runtimes, and the .npz files that store them."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from snugnet.core.decisions import decide
from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.core.samples import Samples, read_npz
from snugnet.core.tasks import PROBABILITY_THRESHOLD, Task


@dataclass(frozen=True)
class Predictions:
    """Predictions of a runtime for a test split, with the true labels.

    Attributes:
        scores: Dequantized outputs, float32 (n, k); one column for a binary task; (n, ..., k) for
            segmentation.
        labels: True labels: int64 (n,); uint8 (n, k) for multi-label tasks; int64 (n, ...) for
            segmentation; float32 (n, k) for regression; the flat inputs, float32 (n, k), for
            reconstruction.
        group: Patient or subject of each sample, (n,), or None.
        raw: Outputs in the model's own output type, (n, k).
        scale: Quantization scale of `raw`; 1.0 for floats. Akida has one scale per column, (k,).
        zero_point: Zero point of `raw`; 0 for floats.
        latency_ns: Latencies of single-sample runs in ns, int64 (m,); empty if not measured.
        task: One of `core.tasks.Task`.
        class_names: Names of the classes.
        threshold: Threshold of a binary or multi-label task.
        anomaly: Whether each sample is anomalous, int64 (n,), for reconstruction; empty if unknown.
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
    threshold: float = PROBABILITY_THRESHOLD
    anomaly: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

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
            scores: Dequantized outputs, float32 (n, k).
            raw: See Attributes.
            scale: See Attributes.
            zero_point: See Attributes.
            latency_ns: See Attributes; None if not measured.

        Returns:
            The predictions.
        """
        labels, anomaly = samples.y, np.zeros(0, np.int64)
        if samples.task == Task.SEGMENTATION:
            scores = scores.reshape(*labels.shape, -1)
        if samples.task == Task.RECONSTRUCTION:
            labels, anomaly = samples.x.reshape(len(samples.x), -1).astype(np.float32), samples.y
        return cls(
            scores=scores,
            labels=labels,
            group=samples.group,
            raw=raw,
            scale=scale,
            zero_point=zero_point,
            latency_ns=np.zeros(0, np.int64) if latency_ns is None else latency_ns,
            task=samples.task,
            class_names=samples.class_names,
            threshold=samples.threshold,
            anomaly=anomaly,
        )

    @property
    def has_classes(self) -> bool:
        """Whether the outputs are decisions, so that there is an accuracy."""
        return Task(self.task).has_classes

    def decide(self) -> np.ndarray:
        """Decide for a class or for labels; see `core.decisions.decide`.

        Returns:
            Predicted labels with the shape and dtype of `labels`.
        """
        return decide(self.scores, self.task, self.threshold)

    def split_positions(self) -> Self:
        """Return the predictions of a segmentation as those of single positions.

        Each position is a sample of a multi-class or binary task. Its group is that of its sample;
        without groups, the sample is the group.
        """
        if self.task != Task.SEGMENTATION:
            return self
        classes = self.scores.shape[-1]
        samples = np.arange(len(self.labels)) if self.group is None else self.group
        return replace(
            self,
            scores=self.scores.reshape(-1, classes),
            labels=self.labels.ravel(),
            group=np.repeat(samples, self.labels[0].size),
            raw=self.raw.reshape(-1, classes),
            task=str(Task.MULTICLASS if classes > 1 else Task.BINARY),
        )

    def compute_correctness(self) -> np.ndarray:
        """Compute the correctness of each sample, in a task with classes.

        Returns:
            float64 (n,): 0 or 1; the share of correct labels or positions, 0 to 1, if a sample has
            several.
        """
        is_correct = self.decide() == self.labels
        return is_correct.reshape(len(is_correct), -1).mean(axis=1)

    def compute_errors(self) -> np.ndarray:
        """Compute the mean absolute error of each sample, in a task without classes, float64 (n,).

        It is in the units of the targets; for reconstruction, in those of the input.
        """
        outputs = self.scores.reshape(len(self.scores), -1).astype(np.float64)
        return np.abs(outputs - self.labels.reshape(outputs.shape)).mean(axis=1)


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
        threshold=float(arrays["threshold"]),
        anomaly=arrays["anomaly"],
        class_names=tuple(str(name) for name in arrays["class_names"]),
    )
