"""The waist of the workflow: one form of predictions, whatever runtime computed them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.core.samples import Samples, read_npz


@dataclass(frozen=True)
class Predictions:
    """What a runtime predicted for a test split, beside the truth.

    Attributes:
        scores: float32 (n, k), dequantized; one column for a binary task.
        labels: int64 (n,), or uint8 (n, k) for multi-label tasks: the truth.
        group: Patient or subject, (n,), or None.
        raw: (n, k) in the model's own output type.
        scale: Of `raw`; 1.0 for floats. Akida has one a column, (k,).
        zero_point: Of `raw`; 0 for floats.
        latency_ns: int64 (m,), nanoseconds of single-sample runs; empty if not measured.
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
        """Put what was predicted for samples beside what they are; see Attributes."""
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
        """Decide: argmax, or score >= 0.5 for each label; the form is that of `labels`."""
        if self.task == "multiclass":
            return self.scores.argmax(axis=1).astype(np.int64)
        above = self.scores >= np.float32(0.5)
        return above.astype(np.uint8) if self.task == "multilabel" else above[:, 0].astype(np.int64)

    def compute_correctness(self) -> np.ndarray:
        """How right each sample is, float64 (n,): 0 or 1; for multi-label the share of labels."""
        right = self.decide() == self.labels
        return right.mean(axis=1) if right.ndim == 2 else right.astype(np.float64)


def save_predictions(path: str | Path, predictions: Predictions) -> None:
    """Write predictions as .npz; an absent group becomes an empty array."""
    arrays = vars(predictions).copy()
    if predictions.group is None:
        arrays["group"] = np.zeros(0, dtype=np.int64)
    with atomic_write(path) as partial:
        np.savez(partial, **{name: np.asarray(value) for name, value in arrays.items()})


def load_predictions(path: str | Path) -> Predictions:
    """Read predictions.

    Raises:
        InputError: If the file is cut short, holds pickles, lacks an array, or holds scores that
            are not finite.
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
