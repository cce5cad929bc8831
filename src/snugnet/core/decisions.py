"""Decisions from the outputs of a model: a class, or labels."""

import numpy as np

from snugnet.core.tasks import PROBABILITY_THRESHOLD, Task


def decide(scores: np.ndarray, task: str, threshold: float = PROBABILITY_THRESHOLD) -> np.ndarray:
    """Decide for a class or for labels: the largest score, or scores of at least the threshold.

    Args:
        scores: Outputs as real numbers: (n, k), one column for a binary task, or for segmentation
            (n, ..., k). For a multi-class task they may also be raw outputs of one scale.
        task: A task with classes.
        threshold: Threshold of a binary or multi-label task: 0.5 for probabilities, 0 for logits.

    Returns:
        int64 (n,); uint8 (n, k) for a multi-label task; int64 (n, ...) for segmentation.
    """
    if task == Task.MULTICLASS or (task == Task.SEGMENTATION and scores.shape[-1] > 1):
        return scores.argmax(axis=-1).astype(np.int64)
    is_positive = scores >= np.float32(threshold)
    if task == Task.MULTILABEL:
        return is_positive.astype(np.uint8)
    return is_positive[..., 0].astype(np.int64)
