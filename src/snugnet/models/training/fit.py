"""Training: the only place that calls Keras's `fit`."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from snugnet.core.progress import progress
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.augment import augment

LOSS = {
    "multiclass": "sparse_categorical_crossentropy",
    "multilabel": "binary_crossentropy",
    "binary": "binary_crossentropy",
}
# What early stopping may watch on val: the history's key and which direction is better.
MONITOR = {
    "loss": ("val_loss", "min"),
    "accuracy": ("val_accuracy", "max"),
    "auc": ("val_auc", "max"),
}


def fit(
    model: tf_keras.Model,
    train: Samples,
    val: Samples,
    settings: Mapping[str, Any],
    seed: int,
    callbacks: Sequence[tf_keras.callbacks.Callback] = (),
    first_epoch: int = 0,
) -> list[dict[str, float]]:
    """Train a model in place and leave it with the weights of its best epoch on val.

    Args:
        model: Its output fits the task of `train`.
        train: Samples to learn from.
        val: Samples that choose the epoch; they are never learned from.
        settings: The `training` block of a model.
        seed: Seed of the order of samples and of augmentation.
        callbacks: More of Keras's callbacks, called first.
        first_epoch: How many epochs must pass before one may be the best.

    Returns:
        One mapping an epoch: epoch, loss, val_loss, accuracy, learning_rate, seconds, ...
    """
    model.compile(
        optimizer=tf_keras.optimizers.Adam(settings["learning_rate"]),
        loss=LOSS[train.task],
        metrics=_metrics(train.task, settings["monitor"]),
    )
    # Its variables made beforehand, the training step need not be traced a second time.
    model.optimizer.build(model.trainable_variables)
    key, mode = MONITOR[settings["monitor"]]
    recorder = _Recorder(settings["epochs"])
    model.fit(
        _batches(train, settings, seed),
        steps_per_epoch=steps_per_epoch(train, settings["batch_size"]),
        epochs=settings["epochs"],
        validation_data=(val.x.astype(np.float32), val.y),
        validation_batch_size=512,
        callbacks=[
            *callbacks,
            *_decay(settings, key, mode),
            tf_keras.callbacks.EarlyStopping(
                key,
                patience=settings["patience"],
                mode=mode,
                restore_best_weights=True,
                start_from_epoch=first_epoch,
            ),
            recorder,
        ],
        verbose=0,
    )
    return recorder.history


def best_epoch(history: Sequence[Mapping[str, float]], monitor: str) -> Mapping[str, float]:
    """Pick the epoch that is best on val by what is watched, the first of several."""
    key, mode = MONITOR[monitor]
    return (max if mode == "max" else min)(history, key=lambda epoch: epoch[key])


def _metrics(task: str, monitor: str) -> list[Any]:
    accuracy = {
        "multiclass": tf_keras.metrics.SparseCategoricalAccuracy,
        "multilabel": tf_keras.metrics.BinaryAccuracy,
        "binary": tf_keras.metrics.BinaryAccuracy,
    }[task](name="accuracy")
    if monitor != "auc":
        return [accuracy]
    return [accuracy, tf_keras.metrics.AUC(name="auc", multi_label=task == "multilabel")]


def _decay(settings: Mapping[str, Any], key: str, mode: str) -> list[Any]:
    """Make the callback that lowers the learning rate, if any."""
    peak, epochs = settings["learning_rate"], settings["epochs"]
    if settings["decay"] == "cosine":
        # Half a cosine from the peak in the first epoch to nearly zero in the last.
        return [
            tf_keras.callbacks.LearningRateScheduler(
                lambda epoch: peak * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
            )
        ]
    if settings["decay"] == "plateau":
        patience = max(1, settings["patience"] // 3)
        return [tf_keras.callbacks.ReduceLROnPlateau(key, factor=0.5, patience=patience, mode=mode)]
    return []


def _batches(
    train: Samples, settings: Mapping[str, Any], seed: int
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield shuffled, augmented, weighted batches without end; each draws its own numbers."""
    size = settings["batch_size"]
    weights = _sample_weights(train) if settings["class_weights"] else None
    for epoch in count():
        order = np.random.default_rng([seed, epoch]).permutation(len(train.x))
        for batch in range(steps_per_epoch(train, size)):
            index = order[batch * size : (batch + 1) * size]
            rng = np.random.default_rng([seed, epoch, batch])
            x = augment(train.x[index].astype(np.float32), settings["augment"], rng)
            yield (x, train.y[index]) if weights is None else (x, train.y[index], weights[index])


def steps_per_epoch(train: Samples, batch_size: int) -> int:
    """Count the batches of an epoch; the last may be smaller."""
    return math.ceil(len(train.x) / batch_size)


def _sample_weights(train: Samples) -> np.ndarray:
    """Weigh samples so that every class counts alike; multi-label ones by their rarest label."""
    if train.task == "multilabel":
        share = np.maximum(train.y.mean(axis=0), 1 / len(train.y))
        weight = np.where(train.y > 0, 1 / share, 0.0).max(axis=1)
        weight[weight == 0] = 1.0
        return (weight / weight.mean()).astype(np.float32)
    classes = np.unique(train.y)
    weights = compute_class_weight("balanced", classes=classes, y=train.y)
    return weights[np.searchsorted(classes, train.y)].astype(np.float32)


class _Recorder(tf_keras.callbacks.Callback):
    """Keeps the history and prints a progress line an epoch."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.history: list[dict[str, float]] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.meter = progress(self.epochs, "epochs")

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        row = {
            "epoch": epoch + 1,
            **{name: float(value) for name, value in (logs or {}).items() if name != "lr"},
            "learning_rate": float(self.model.optimizer.learning_rate.numpy()),
            "seconds": time.monotonic() - self.started,
        }
        self.history.append(row)
        self.meter.set_postfix(loss=row["loss"], val_loss=row["val_loss"], refresh=False)
        self.meter.update(1)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.meter.close()
