"""From predictions to one row of the results."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.analysis.metrics import confusion, labels_and_scores, quality
from snugnet.analysis.predictions import Predictions
from snugnet.analysis.statistics import (
    Interval,
    accuracy_interval,
    auc_interval,
    paired_p,
)
from snugnet.errors import InputError


def score(
    predictions: Predictions,
    reference: Predictions,
    model_file: str | Path,
    size: Mapping[str, Any],
    confidence: float,
) -> dict[str, Any]:
    """Judge a cell.

    Args:
        predictions: Of the cell.
        reference: Of the float32 cell of the same variant, on the same samples.
        model_file: What would be deployed; its size is measured.
        size: `parameters`, `nonzero` and `macs` of the Keras model.
        confidence: Of the interval.

    Returns:
        The columns of one row of metrics.csv that do not depend on other rows, and `confusion`.

    Raises:
        InputError: If the two were not predicted for the same samples.
    """
    if not np.array_equal(predictions.labels, reference.labels):
        raise InputError("the cell and its float reference were predicted for different samples")
    correct, float_correct = predictions.correct(), reference.correct()
    group = predictions.group
    measures = quality(predictions)
    low, high = accuracy_interval(correct, group, confidence)
    auc = _auc_interval(predictions, confidence)
    return {
        "status": "ok",
        "reason": None,
        "task": predictions.task,
        "n": len(correct),
        **measures,
        "auc_low": auc.low,
        "auc_high": auc.high,
        "n_groups": None if group is None else len(np.unique(group)),
        "accuracy_low": low,
        "accuracy_high": high,
        "delta_float": float(correct.mean() - float_correct.mean()),
        "p_float": paired_p(correct, float_correct, group),
        "decisions_changed": int(_changed(predictions, reference)),
        **file_size(model_file),
        **{name: size[name] for name in ("parameters", "nonzero", "macs")},
        **_latency(predictions.latency_ns),
        "confusion": confusion(predictions),
        "class_names": list(predictions.class_names),
    }


def _auc_interval(predictions: Predictions, confidence: float) -> Interval:
    truth, scores = labels_and_scores(predictions)
    if truth.shape[1] == 0:
        return Interval(None, None)
    return auc_interval(truth, scores, predictions.group, confidence)


def _changed(predictions: Predictions, reference: Predictions) -> int:
    """Count the samples of which any decision differs from float's."""
    differs = predictions.decisions() != reference.decisions()
    return int(differs.any(axis=1).sum() if differs.ndim == 2 else differs.sum())


def file_size(path: str | Path) -> dict[str, int]:
    """Measure a file: its bytes, and its bytes when compressed by gzip at level 9."""
    data = Path(path).read_bytes()
    return {
        "size_bytes": len(data),
        "size_gzip_bytes": len(gzip.compress(data, compresslevel=9, mtime=0)),
    }


def _latency(nanoseconds: np.ndarray) -> dict[str, float | None]:
    """Median and 95th percentile in microseconds."""
    if len(nanoseconds) == 0:
        return {"latency_us_median": None, "latency_us_p95": None}
    median, p95 = np.percentile(nanoseconds, (50, 95)) / 1000
    return {"latency_us_median": round(float(median), 2), "latency_us_p95": round(float(p95), 2)}
