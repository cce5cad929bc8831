"""Training of Keras models. No other module calls Keras's `fit`."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from snugnet.core.errors import InputError
from snugnet.core.inputs import to_float32, to_keras
from snugnet.core.progress import progress
from snugnet.core.samples import Samples
from snugnet.core.settings.training import TrainingSettings
from snugnet.core.tasks import Task
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.augment import augment
from snugnet.models.training.objectives import make_loss, make_metrics, make_targets

# Metrics on val for early stopping: key in the history, and the direction that is better.
MONITOR = {
    "loss": ("val_loss", "min"),
    "accuracy": ("val_accuracy", "max"),
    "auc": ("val_auc", "max"),
}


def fit(
    model: tf_keras.Model,
    train: Samples,
    val: Samples,
    settings: TrainingSettings,
    seed: int,
    callbacks: Sequence[tf_keras.callbacks.Callback] = (),
    first_epoch: int = 0,
) -> list[dict[str, float]]:
    """Train a model in place and restore the weights of its best epoch on val.

    Args:
        model: The model; its output must fit the task of `train`.
        train: Training samples.
        val: Samples that select the best epoch; the model is not trained on them.
        settings: Settings of the training.
        seed: Seed for the order of samples and for augmentation.
        callbacks: Additional Keras callbacks, called before those of this function.
        first_epoch: Number of epochs that must pass before an epoch can be the best.

    Returns:
        One mapping per epoch: epoch, loss, val_loss, accuracy, learning_rate, seconds, ...
    """
    output_shape = tuple(model.output_shape[1:])
    model.compile(
        optimizer=tf_keras.optimizers.Adam(settings.learning_rate),
        loss=make_loss(train, output_shape[-1]),
        metrics=make_metrics(train, output_shape[-1], settings.monitor),
    )
    # Create the variables of the optimizer now, so that the training step is traced only once.
    model.optimizer.build(model.trainable_variables)
    key, mode = MONITOR[settings.monitor]
    recorder = _Recorder(settings.epochs)
    model.fit(
        _iterate_batches(train, make_targets(train, output_shape), settings, seed),
        steps_per_epoch=count_steps_per_epoch(train, settings.batch_size),
        epochs=settings.epochs,
        validation_data=(to_keras(val.x), make_targets(val, output_shape)),
        validation_batch_size=512,
        callbacks=[
            *callbacks,
            *_make_decay_callbacks(settings, key, mode),
            tf_keras.callbacks.EarlyStopping(
                key,
                patience=settings.patience,
                mode=mode,
                restore_best_weights=True,
                start_from_epoch=first_epoch,
            ),
            recorder,
        ],
        verbose=0,
    )
    return recorder.history


def find_best_epoch(history: Sequence[Mapping[str, float]], monitor: str) -> Mapping[str, float]:
    """Find the epoch with the best value of the monitored metric on val.

    Args:
        history: One mapping per epoch, as `fit` returns it; at least one.
        monitor: The monitored metric: a key of `MONITOR`.

    Returns:
        The mapping of the best epoch; if several are equal, of the first one.
    """
    key, mode = MONITOR[monitor]
    select = max if mode == "max" else min
    return select(history, key=lambda epoch: epoch[key])


def _make_decay_callbacks(settings: TrainingSettings, key: str, mode: str) -> list[Any]:
    """Make the callback that lowers the learning rate, if there is one."""
    peak, epochs = settings.learning_rate, settings.epochs
    if settings.decay == "cosine":
        # Half a cosine: the peak in the first epoch, nearly zero in the last.
        return [
            tf_keras.callbacks.LearningRateScheduler(
                lambda epoch: peak * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
            )
        ]
    if settings.decay == "plateau":
        patience = max(1, settings.patience // 3)
        return [tf_keras.callbacks.ReduceLROnPlateau(key, factor=0.5, patience=patience, mode=mode)]
    return []


def _iterate_batches(
    train: Samples, targets: np.ndarray, settings: TrainingSettings, seed: int
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield shuffled, augmented, weighted batches without end.

    Each batch has its own random number generator, seeded by seed, epoch and batch.
    """
    size = settings.batch_size
    weights = _compute_sample_weights(train) if settings.class_weights else None
    for epoch in count():
        order = np.random.default_rng([seed, epoch]).permutation(len(train.x))
        for batch in range(count_steps_per_epoch(train, size)):
            index = order[batch * size : (batch + 1) * size]
            rng = np.random.default_rng([seed, epoch, batch])
            x = to_keras(augment(to_float32(train.x[index]), settings.augment, rng))
            if weights is None:
                yield x, targets[index]
            else:
                yield x, targets[index], weights[index]


def count_steps_per_epoch(train: Samples, batch_size: int) -> int:
    """Count the batches of an epoch.

    Args:
        train: Training samples.
        batch_size: Samples per batch; the last batch may be smaller.

    Returns:
        The number of batches.
    """
    return math.ceil(len(train.x) / batch_size)


def _compute_sample_weights(train: Samples) -> np.ndarray:
    """Compute sample weights, float32 (n,), that give every class the same total weight.

    A multi-label sample has the weight of its rarest label.

    Raises:
        InputError: If the samples have no class each.
    """
    if train.task in (Task.SEGMENTATION, Task.REGRESSION, Task.RECONSTRUCTION):
        raise InputError(
            f"training.class_weights: not possible for the task {train.task}; set it to false"
        )
    if train.task == "multilabel":
        share = np.maximum(train.y.mean(axis=0), 1 / len(train.y))
        weight = np.where(train.y > 0, 1 / share, 0.0).max(axis=1)
        weight[weight == 0] = 1.0
        return (weight / weight.mean()).astype(np.float32)
    classes = np.unique(train.y)
    weights = compute_class_weight("balanced", classes=classes, y=train.y)
    return weights[np.searchsorted(classes, train.y)].astype(np.float32)


class _Recorder(tf_keras.callbacks.Callback):
    """Callback that records the history and prints a progress line per epoch.

    Attributes:
        epochs: Number of epochs of the training.
        history: One mapping per epoch: epoch, metrics, learning_rate, seconds.
    """

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
