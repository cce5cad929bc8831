"""Classification metrics of predictions, computed with scikit-learn."""

from typing import Any

import numpy as np
from sklearn import metrics

from snugnet.core.predictions import Predictions


def compute_metrics(predictions: Predictions) -> dict[str, float | None]:
    """Compute the metrics of predictions; `accuracy` is the headline metric of each task.

    Precision, recall, F1 and the Jaccard index are macro averages; a class that is never predicted
    counts as 0. A binary task is treated as multi-class with two classes, except that its Jaccard
    index and AUC are those of the positive class.

    Args:
        predictions: Predictions of a task with classes. For segmentation, each position counts.

    Returns:
        Metrics by name. A metric that does not apply to the task is absent; one that these
        predictions do not define is None.
    """
    predictions = predictions.split_positions()
    truth, decisions = predictions.labels, predictions.decide()
    average: dict[str, Any] = {"average": "macro", "zero_division": 0}
    if predictions.task == "multilabel":
        binary_accuracy = float((truth == decisions).mean())
        task_metrics = {
            "accuracy": binary_accuracy,
            "binary_accuracy": binary_accuracy,
            "hamming_loss": metrics.hamming_loss(truth, decisions),
            "jaccard": metrics.jaccard_score(truth, decisions, **average),
        }
    else:
        # If the truth lacks a class, the averages are over the other classes.
        average["labels"] = np.unique(truth)
        task_metrics = {
            "accuracy": metrics.accuracy_score(truth, decisions),
            "balanced_accuracy": metrics.recall_score(truth, decisions, **average),
            "cohen_kappa": _none_if_not_finite(metrics.cohen_kappa_score(truth, decisions)),
        }
        if predictions.task == "binary":
            task_metrics["jaccard"] = metrics.jaccard_score(truth, decisions, zero_division=0)
    common_metrics = {
        "precision": metrics.precision_score(truth, decisions, **average),
        "recall": metrics.recall_score(truth, decisions, **average),
        "f1": metrics.f1_score(truth, decisions, **average),
        "auc_macro": compute_auc_macro(predictions),
    }
    values = {**task_metrics, **common_metrics}
    return {name: None if value is None else float(value) for name, value in values.items()}


def _none_if_not_finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def compute_auc_macro(predictions: Predictions) -> float | None:
    """Compute the macro-averaged area under the ROC curve.

    The average is over labels; in a multi-class task each label is one class against the rest.

    Args:
        predictions: Predictions of any task.

    Returns:
        The area, in 0..1; None if no label has a ROC curve.
    """
    truth, scores = select_roc_labels(predictions)
    areas = [metrics.roc_auc_score(truth[:, k], scores[:, k]) for k in range(truth.shape[1])]
    return float(np.mean(areas)) if areas else None


def select_roc_labels(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Select the labels that have a ROC curve.

    A label with only positive or only negative samples has no ROC curve and is left out.

    Args:
        predictions: Predictions of any task.

    Returns:
        Truth, bool (n, k), and scores, float32 (n, k), of the k selected labels.
    """
    if predictions.task == "multiclass":
        truth = predictions.labels[:, np.newaxis] == np.arange(predictions.scores.shape[1])
    else:
        truth = predictions.labels.reshape(predictions.scores.shape).astype(bool)
    has_curve = truth.any(axis=0) & ~truth.all(axis=0)
    return truth[:, has_curve], predictions.scores[:, has_curve]


def compute_confusion_matrix(predictions: Predictions) -> list[Any]:
    """Compute the confusion matrix: rows are the truth, columns the decisions.

    Args:
        predictions: Predictions of any task.

    Returns:
        Nested lists of counts, (k, k) for k classes; for a multi-label task (k, 2, 2), one matrix
        for each of k labels.
    """
    predictions = predictions.split_positions()
    truth, decisions = predictions.labels, predictions.decide()
    if predictions.task == "multilabel":
        matrices: list[Any] = metrics.multilabel_confusion_matrix(truth, decisions).tolist()
        return matrices
    labels = range(len(predictions.class_names))
    matrix: list[Any] = metrics.confusion_matrix(truth, decisions, labels=labels).tolist()
    return matrix
