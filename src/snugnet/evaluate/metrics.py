"""How good predictions are: scikit-learn's measures for the three tasks."""

from typing import Any

import numpy as np
from sklearn import metrics

from snugnet.core.predictions import Predictions


def quality(predictions: Predictions) -> dict[str, float | None]:
    """Measure predictions; `accuracy` is the task's headline.

    Precision, recall, F1 and the Jaccard index are macro averages, and 0 for a class that is never
    predicted. A binary task counts as multi-class with two classes, and its Jaccard index and AUC
    are of the positive class.

    Returns:
        Measures by name; those that do not apply to the task, or to this sample, are None.
    """
    truth, decided = predictions.labels, predictions.decide()
    average: dict[str, Any] = {"average": "macro", "zero_division": 0}
    if predictions.task == "multilabel":
        share = float((truth == decided).mean())
        own = {
            "accuracy": share,
            "binary_accuracy": share,
            "hamming_loss": metrics.hamming_loss(truth, decided),
            "jaccard": metrics.jaccard_score(truth, decided, **average),
        }
    else:
        # A class may be missing from the truth: recall is then averaged over the others.
        average["labels"] = np.unique(truth)
        own = {
            "accuracy": metrics.accuracy_score(truth, decided),
            "balanced_accuracy": metrics.recall_score(truth, decided, **average),
            "cohen_kappa": _finite(metrics.cohen_kappa_score(truth, decided)),
        }
        if predictions.task == "binary":
            own["jaccard"] = metrics.jaccard_score(truth, decided, zero_division=0)
    common = {
        "precision": metrics.precision_score(truth, decided, **average),
        "recall": metrics.recall_score(truth, decided, **average),
        "f1": metrics.f1_score(truth, decided, **average),
        "auc_macro": auc_macro(predictions),
    }
    values = {**own, **common}
    return {name: None if value is None else float(value) for name, value in values.items()}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def auc_macro(predictions: Predictions) -> float | None:
    """Area under the ROC curve, macro over labels (one against the rest for multi-class tasks).

    None if no label can be judged.
    """
    truth, scores = labels_and_scores(predictions)
    areas = [metrics.roc_auc_score(truth[:, k], scores[:, k]) for k in range(truth.shape[1])]
    return float(np.mean(areas)) if areas else None


def labels_and_scores(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Give truth, bool (n, k), and scores, (n, k), of the labels that have a ROC curve.

    A label of which the sample has only positives or only negatives has none and is left out.
    """
    if predictions.task == "multiclass":
        truth = predictions.labels[:, np.newaxis] == np.arange(predictions.scores.shape[1])
    else:
        truth = predictions.labels.reshape(predictions.scores.shape).astype(bool)
    usable = truth.any(axis=0) & ~truth.all(axis=0)
    return truth[:, usable], predictions.scores[:, usable]


def confusion(predictions: Predictions) -> list[Any]:
    """Count decisions: rows are the truth, columns the decision; one 2x2 matrix a label if many."""
    truth, decided = predictions.labels, predictions.decide()
    if predictions.task == "multilabel":
        matrices: list[Any] = metrics.multilabel_confusion_matrix(truth, decided).tolist()
        return matrices
    labels = range(len(predictions.class_names))
    matrix: list[Any] = metrics.confusion_matrix(truth, decided, labels=labels).tolist()
    return matrix
