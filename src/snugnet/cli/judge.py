"""Accuracy of a file with its interval, and the difference from a baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from snugnet.core.samples import Samples


def compared(
    path: Path, baseline: Path | None, samples: "Samples", confidence: float
) -> dict[str, Any]:
    """Judge a .tflite file, and compare it with another on the same samples.

    Args:
        path: The file.
        baseline: The other, or None.
        samples: With labels.
        confidence: Of intervals, in (0, 1).

    Returns:
        Ready for JSON: `n`, `n_groups`, `accuracy`, `low`, `high`, `confidence`; with a baseline
        its `baseline` accuracy, `delta`, `delta_low`, `delta_high` and `p` (`analysis.statistics`).

    Raises:
        InputError: If a file is unusable or does not fit the samples.
    """
    import numpy as np

    from snugnet.evaluate.statistics import accuracy_interval, difference_interval, paired_p

    right, group = _correct(path, samples), samples.group
    low, high = accuracy_interval(right, group, confidence)
    found = {
        "n": len(right),
        "n_groups": None if group is None else len(np.unique(group)),
        "accuracy": float(right.mean()),
        "low": low,
        "high": high,
        "confidence": confidence,
    }
    if baseline is None:
        return found
    other = _correct(baseline, samples)
    delta_low, delta_high = difference_interval(right, other, group, confidence)
    return {
        **found,
        "baseline": float(other.mean()),
        "delta": float(right.mean() - other.mean()),
        "delta_low": delta_low,
        "delta_high": delta_high,
        "p": paired_p(right, other, group),
    }


def _correct(path: Path, samples: "Samples") -> Any:
    from snugnet.core.predictions import Predictions
    from snugnet.tflite.runtimes.litert import predict

    made = predict(path, samples.x)
    return Predictions.from_samples(samples, made.scores(), *made).compute_correctness()


def show_comparison(console: Console, found: dict[str, Any]) -> None:
    """Print the result of `compared`."""
    groups = "" if found["n_groups"] is None else f" of {found['n_groups']} groups"
    console.print(
        f"accuracy [bold]{found['accuracy']:.4f}[/bold]{_interval(found, 'low', 'high')} on "
        f"{found['n']} samples{groups}"
    )
    if "baseline" in found:
        console.print(
            f"baseline {found['baseline']:.4f}, difference {found['delta']:+.4f}"
            f"{_interval(found, 'delta_low', 'delta_high')}, p = {found['p']:.3g}"
        )


def _interval(found: dict[str, Any], low: str, high: str) -> str:
    if found[low] is None or found[high] is None:
        return ""
    return f" ({100 * found['confidence']:.0f} % CI {found[low]:.4f} to {found[high]:.4f})"
