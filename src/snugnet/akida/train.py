"""Quantization-aware training (QAT) of models for Akida."""

import numpy as np

from snugnet.akida.convert import convert
from snugnet.akida.quantize import quantize
from snugnet.akida.rewrite import get_head_activation
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.core.samples import Samples
from snugnet.core.settings.training import TrainingSettings
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import fit
from snugnet.models.training.restore_if_worse import restore_if_worse


def train_quantized(
    model: tf_keras.Model,
    scheme: AkidaScheme,
    calibration: np.ndarray | None,
    train: Samples,
    val: Samples,
    training: TrainingSettings,
    seed: int,
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Quantize a trained model and fine-tune it with its quantizers.

    The model keeps the weights of the best epoch on val, or those before training if no epoch is
    better.

    Args:
        model: Trained float model, including its softmax or sigmoid, if any.
        scheme: Scheme to quantize with.
        calibration: Calibration samples as for `quantize`, (n, ...).
        train: Samples to train on.
        val: Samples for choosing the epoch.
        training: Settings of the training.
        seed: Random seed of training.

    Returns:
        The quantized model, without its last activation, and the training history.

    Raises:
        NotAkidaError: If the model cannot be quantized or converted. This is checked before
            training.
    """
    quantized = quantize(model, scheme, calibration)
    convert(quantized, scheme)
    shape = quantized.input_shape[1:]
    inputs = tf_keras.Input(shape)
    # quantizeml's Flatten requires a known shape, but batches from a generator have none.
    potentials = quantized(tf_keras.layers.Reshape(shape)(inputs))
    scores = tf_keras.layers.Activation(get_head_activation(model))(potentials)
    trainable = tf_keras.Model(inputs, scores)
    start = trainable.get_weights()
    history = fit(trainable, train, val, training, seed)
    restore_if_worse(trainable, start, history, val, training.monitor)
    return quantized, history
