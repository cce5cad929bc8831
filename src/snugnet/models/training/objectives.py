"""Loss, metrics and targets of training, by task."""

from typing import Any

import numpy as np

from snugnet.core.samples import Samples
from snugnet.core.tasks import LOGIT_THRESHOLD, Task
from snugnet.models.loading.keras2 import tf_keras

losses, metrics = tf_keras.losses, tf_keras.metrics
# Names of the losses of models whose last layer is a softmax or a sigmoid.
LOSS = {
    Task.MULTICLASS: "sparse_categorical_crossentropy",
    Task.SEGMENTATION: "sparse_categorical_crossentropy",
    Task.MULTILABEL: "binary_crossentropy",
    Task.BINARY: "binary_crossentropy",
    Task.REGRESSION: "mse",
    Task.RECONSTRUCTION: "mse",
}


def make_loss(samples: Samples, outputs: int) -> Any:
    """Make the loss of a task: the name of a loss of Keras, or a loss that takes logits.

    Args:
        samples: Samples of the task.
        outputs: Size of the last axis of the model's output.
    """
    task = Task(samples.task)
    if task == Task.SEGMENTATION and outputs == 1:
        task = Task.BINARY
    if not task.has_classes or samples.threshold != LOGIT_THRESHOLD:
        return LOSS[task]
    if task in (Task.MULTICLASS, Task.SEGMENTATION):
        return losses.SparseCategoricalCrossentropy(from_logits=True)
    return losses.BinaryCrossentropy(from_logits=True)


def make_metrics(samples: Samples, outputs: int, monitor: str) -> list[Any]:
    """Make the metrics that are computed in each epoch.

    Args:
        samples: Samples of the task.
        outputs: Size of the last axis of the model's output.
        monitor: The metric that selects the best epoch.
    """
    task = Task(samples.task)
    if not task.has_classes:
        return [metrics.MeanAbsoluteError(name="mae")]
    if task == Task.MULTICLASS or (task == Task.SEGMENTATION and outputs > 1):
        accuracy = metrics.SparseCategoricalAccuracy(name="accuracy")
    else:
        accuracy = metrics.BinaryAccuracy(name="accuracy", threshold=samples.threshold)
    if monitor != "auc":
        return [accuracy]
    is_logit = task != Task.MULTICLASS and samples.threshold == LOGIT_THRESHOLD
    is_several = task == Task.MULTILABEL
    return [accuracy, metrics.AUC(name="auc", multi_label=is_several, from_logits=is_logit)]


def make_targets(samples: Samples, output_shape: tuple[int, ...]) -> np.ndarray:
    """Return what the outputs of a model are compared with in training.

    Args:
        samples: Samples of the task.
        output_shape: Shape of the output for one sample.

    Returns:
        The labels; for regression and reconstruction, targets in the shape of the output.
    """
    if samples.task == Task.RECONSTRUCTION:
        return samples.x.reshape(len(samples.x), *output_shape).astype(np.float32)
    if samples.task == Task.REGRESSION:
        return samples.y.reshape(len(samples.y), *output_shape)
    if samples.task == Task.SEGMENTATION and output_shape[-1] == 1:
        return samples.y[..., np.newaxis]
    return samples.y
