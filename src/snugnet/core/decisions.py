"""Decisions from the outputs of a model: a class, or labels."""

import numpy as np

# Scores of at least this much are positive.
THRESHOLD = np.float32(0.5)


def decide(scores: np.ndarray, task: str) -> np.ndarray:
    """Decide for a class or for labels: argmax, or scores of at least 0.5.

    Args:
        scores: Outputs as real numbers, (n, k); one column for a binary task. For a multi-class
            task they may also be raw outputs of one scale.
        task: `multiclass`, `multilabel` or `binary`.

    Returns:
        int64 (n,), or uint8 (n, k) for a multi-label task.
    """
    if task == "multiclass":
        return scores.argmax(axis=1).astype(np.int64)
    is_positive = scores >= THRESHOLD
    if task == "multilabel":
        return is_positive.astype(np.uint8)
    return is_positive[:, 0].astype(np.int64)
