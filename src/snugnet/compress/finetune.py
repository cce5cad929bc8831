"""A model trained on, as it is."""

from collections.abc import Mapping
from typing import Any

from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import fit
from snugnet.models.training.sparsity_mask import KeepZeros


def compress(
    model: tf_keras.Model, train: Samples, val: Samples, settings: Mapping[str, Any], seed: int
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Train a model on; kernels keep the zeros that they have.

    Args:
        model: The trained model.
        train: Samples to learn from.
        val: Samples that choose the epoch.
        settings: `training`.
        seed: Seed of training.

    Returns:
        The model and the history.
    """
    return model, fit(model, train, val, settings["training"], seed, callbacks=[KeepZeros()])
