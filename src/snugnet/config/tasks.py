"""Tasks of the models of a study."""

from snugnet.config.schema import Configuration, Dataset
from snugnet.core.tasks import Task

# Tasks in which each sample has one class or several labels.
DECISIONS = (Task.MULTICLASS, Task.BINARY, Task.MULTILABEL)
MULTILABEL_KINDS = ("ptbxl", "synthetic_ecg12")


def task_of(dataset: Dataset) -> Task:
    """Return the task of a dataset."""
    if dataset.negative_class is not None:
        return Task.BINARY
    if dataset.kind in MULTILABEL_KINDS:
        return Task.MULTILABEL
    return Task(getattr(dataset, "task", Task.MULTICLASS))


def has_decisions(config: Configuration, model: str) -> bool:
    """Return whether a model decides for one class or several labels for each sample.

    Searches and analyses that compare accuracies, and Akida, need that.
    """
    task = task_of(config.datasets[config.models[model].dataset])
    return task in DECISIONS
