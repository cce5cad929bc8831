"""Fine-tuning of a trained model without changing its architecture."""

from snugnet.core.samples import Samples
from snugnet.core.settings.fine_tuning import FineTuningSettings
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import fit
from snugnet.models.training.sparsity_mask import SparsityMask

# The class of the settings that `compress` takes.
SETTINGS = FineTuningSettings


def compress(
    model: tf_keras.Model,
    train: Samples,
    val: Samples,
    settings: FineTuningSettings,
    seed: int,
    designs: str | None = None,
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Fine-tune a model; zeros in its kernels stay zero.

    Args:
        model: The trained model; changed in place.
        train: Training samples.
        val: Samples that select the best epoch.
        settings: Settings of fine-tuning.
        seed: Seed of training.
        designs: Not used; `compress.lowrank.factorize` reads a file of designs.

    Returns:
        The model and the training history.
    """
    return model, fit(model, train, val, settings.training, seed, callbacks=[SparsityMask()])
