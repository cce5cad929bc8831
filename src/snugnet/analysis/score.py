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
    difference_interval,
    paired_p,
)
from snugnet.errors import InputError


def score(
    predictions: Predictions,
    reference: Predictions,
    parent: Predictions | None,
    model_file: str | Path,
    size: Mapping[str, Any],
    evidence: Mapping[str, Any],
    certificate: Mapping[str, Any] | None,
    confidence: float,
) -> dict[str, Any]:
    """Judge a cell.

    Args:
        predictions: Of the cell.
        reference: Of the float32 cell of the same variant, on the same samples.
        parent: Of the same scheme of the variant that this one was made from; for a model trained
            with quantizers that is its counterpart quantized after training. None without parent.
        model_file: What would be deployed; its size is measured.
        size: `parameters`, `nonzero`, `macs` and `zeros` of the Keras model.
        evidence: `weights`, `zeros` and `dead_layers` of the file, as `inspect` gives them.
        certificate: What `certify` found; None for a file that is not full-integer.
        confidence: Of the interval.

    Returns:
        The columns of one row of metrics.csv that do not depend on other rows, and `confusion`.

    Raises:
        InputError: If they were not predicted for the same samples.
    """
    for name, other in (("float reference", reference), ("parent", parent)):
        if other is not None and not np.array_equal(predictions.labels, other.labels):
            raise InputError(f"the cell and its {name} were predicted for different samples")
    correct = predictions.correct()
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
        **_difference("float", predictions, reference, confidence),
        **_difference("parent", predictions, parent, confidence),
        "decisions_changed": int(_changed(predictions, reference)),
        **file_size(model_file),
        **{name: size[name] for name in ("parameters", "nonzero", "macs")},
        "model_zeros": size["zeros"],
        **_evidence(evidence),
        **_certified(certificate),
        **_latency(predictions.latency_ns),
        "confusion": confusion(predictions),
        "class_names": list(predictions.class_names),
    }


def _evidence(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Put what a file's weights show into one cell of the table each."""
    weights = evidence["weights"]
    return {
        "file_zeros": evidence["zeros"],
        "tensor_zeros": "; ".join(f"{row['name']} {row['zeros']:.4f}" for row in weights),
        "tensor_ranks": "; ".join(f"{row['name']} {row['rank']}" for row in weights),
        "dead_layers": "; ".join(evidence["dead_layers"]) or None,
    }


def _certified(certificate: Mapping[str, Any] | None) -> dict[str, Any]:
    """Take from a certificate what belongs in the table."""
    names = ("arena_bytes", "litert_ref", "tflm", "verification")
    if certificate is None:
        return dict.fromkeys((*names, "xnnpack_worst_lsb", "xnnpack_decisions_changed"))
    departure = certificate["xnnpack"] or {}
    findings = [_finding(profile, certificate[profile]) for profile in ("litert_ref", "tflm")]
    return {
        "arena_bytes": certificate["arena_bytes"],
        "litert_ref": certificate["litert_ref"]["verdict"],
        "tflm": certificate["tflm"]["verdict"],
        "verification": "; ".join(filter(None, findings)) or None,
        "xnnpack_worst_lsb": departure.get("worst_lsb"),
        "xnnpack_decisions_changed": departure.get("decisions_changed"),
    }


def _finding(profile: str, found: Mapping[str, Any]) -> str | None:
    """Say in words what keeps a profile from being exact."""
    if found["verdict"] == "exact":
        return None
    if found["verdict"] == "unsupported":
        return f"{profile}: {found['reason']}"
    first = found["first_operator"]
    where = f"operator {first['operator']} {first['name']}" if first else "the output"
    return (
        f"{profile}: {found['mismatches']} numbers differ by up to {found['worst_lsb']}, first at "
        f"{where}"
    )


def _auc_interval(predictions: Predictions, confidence: float) -> Interval:
    truth, scores = labels_and_scores(predictions)
    if truth.shape[1] == 0:
        return Interval(None, None)
    return auc_interval(truth, scores, predictions.group, confidence)


def _difference(
    name: str, predictions: Predictions, other: Predictions | None, confidence: float
) -> dict[str, float | None]:
    """Compare with another cell on the same samples."""
    if other is None:
        columns = (f"delta_{name}", f"delta_{name}_low", f"delta_{name}_high", f"p_{name}")
        return dict.fromkeys(columns)
    ours, theirs = predictions.correct(), other.correct()
    low, high = difference_interval(ours, theirs, predictions.group, confidence)
    return {
        f"delta_{name}": float(ours.mean() - theirs.mean()),
        f"delta_{name}_low": low,
        f"delta_{name}_high": high,
        f"p_{name}": paired_p(ours, theirs, predictions.group),
    }


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
