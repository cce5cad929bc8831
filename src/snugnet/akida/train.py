"""Quantized models for Akida, trained on with their quantizers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from snugnet.akida.convert import convert
from snugnet.akida.quantize import quantize
from snugnet.akida.rewrite import get_head_activation
from snugnet.core.akida_schemes import AkidaScheme
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.training.fit import fit
from snugnet.models.training.restore_if_worse import keep_better


def train_quantized(
    model: tf_keras.Model,
    scheme: AkidaScheme,
    calibration: np.ndarray | None,
    train: Samples,
    val: Samples,
    training: Mapping[str, Any],
    seed: int,
) -> tuple[tf_keras.Model, list[dict[str, float]]]:
    """Quantize a trained model and train it on, up to its best epoch on val, if any is better.

    Args:
        model: With its softmax or sigmoid, if any.
        scheme: What to make.
        calibration: As for `quantize`, (n, ...).
        train: Samples to learn from.
        val: Samples that choose the epoch.
        training: The `training` block.
        seed: Seed of training.

    Returns:
        The quantized model, without its last activation, and the history.

    Raises:
        NotAkidaError: If it cannot be quantized or converted, which is found before it is trained.
    """
    quantized = quantize(model, scheme, calibration)
    convert(quantized, scheme)
    shape = quantized.input_shape[1:]
    inputs = tf_keras.Input(shape)
    # Batches from a generator have no known shape, which quantizeml's Flatten asks for.
    potentials = quantized(tf_keras.layers.Reshape(shape)(inputs))
    scores = tf_keras.layers.Activation(get_head_activation(model))(potentials)
    whole = tf_keras.Model(inputs, scores)
    start = whole.get_weights()
    history = fit(whole, train, val, training, seed)
    keep_better(whole, start, history, val, training["monitor"])
    return quantized, history
