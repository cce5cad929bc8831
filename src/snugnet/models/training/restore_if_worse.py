"""Training that begins at a trained model must not make it worse."""

from collections.abc import Mapping, Sequence

import numpy as np

from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import best_epoch


def keep_better(
    model: tf_keras.Model,
    start: Sequence[np.ndarray],
    history: Sequence[Mapping[str, float]],
    val: Samples,
    monitor: str,
) -> None:
    """Go back to where training began if no epoch was better on val.

    Args:
        model: Compiled, as `fit` leaves it, with the weights of its best epoch.
        start: Its weights before the first.
        history: As `fit` gives it.
        val: Samples that choose.
        monitor: What is watched, as in the `training` block.
    """
    trained = model.get_weights()
    model.set_weights(start)
    measured = model.evaluate(
        val.x.astype(np.float32), val.y, batch_size=512, verbose=0, return_dict=True
    )
    before = {f"val_{name}": value for name, value in measured.items()}
    best = best_epoch(history, monitor)
    print(f"metrics before training: {before}; in the best epoch: {best}")
    if best_epoch([before, best], monitor) is best:
        model.set_weights(trained)
