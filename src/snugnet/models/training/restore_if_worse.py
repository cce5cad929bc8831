"""Protection of a trained model against fine-tuning that makes it worse."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from snugnet.core.inputs import to_keras
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import find_best_epoch
from snugnet.models.training.objectives import make_targets


def restore_if_worse(
    model: tf_keras.Model,
    start: Sequence[np.ndarray],
    history: Sequence[Mapping[str, float]],
    val: Samples,
    monitor: str,
) -> None:
    """Restore the weights from before training if no epoch was better on val.

    Args:
        model: Compiled model after `fit`, with the weights of its best epoch; changed in place.
        start: Weights of the model before training.
        history: One mapping per epoch, as `fit` returns it.
        val: Samples on which the weights are compared.
        monitor: Metric to compare, as in the `training` block: a key of `MONITOR`.
    """
    trained = model.get_weights()
    model.set_weights(start)
    targets = make_targets(val, tuple(model.output_shape[1:]))
    metrics = model.evaluate(to_keras(val.x), targets, batch_size=512, verbose=0, return_dict=True)
    before = {f"val_{name}": value for name, value in metrics.items()}
    best = find_best_epoch(history, monitor)
    print(
        f"metrics before training: {_format_metrics(before, before)}; in the best epoch: "
        f"{_format_metrics(best, before)}"
    )
    if find_best_epoch([before, best], monitor) is best:
        model.set_weights(trained)


def _format_metrics(metrics: Mapping[str, float], names: Iterable[str]) -> str:
    """Format metrics with four decimals: `val_loss 0.6203, val_accuracy 0.9583`."""
    return ", ".join(f"{name} {metrics[name]:.4f}" for name in names if name in metrics)
