"""Fine-tuning of a trained model without changing its architecture."""

from collections.abc import Mapping
from typing import Any

from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import fit
from snugnet.models.training.sparsity_mask import SparsityMask


def compress(
    model: tf_keras.Model, train: Samples, val: Samples, settings: Mapping[str, Any], seed: int
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Fine-tune a model; zeros in its kernels stay zero.

    Args:
        model: The trained model; changed in place.
        train: Training samples.
        val: Samples that select the best epoch.
        settings: `training`.
        seed: Seed of training.

    Returns:
        The model and the training history.
    """
    return model, fit(model, train, val, settings["training"], seed, callbacks=[SparsityMask()])
