"""Quantization-aware training with tensorflow-model-optimization's default 8-bit scheme.

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (CVPR 2018): quantizers that round in the forward pass, and ranges that follow the train
batches.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_registry,
)

from snugnet.compress.graph.canonicalize import standard
from snugnet.compress.graph.fold import fold, fold_relu
from snugnet.compress.graph.functional import replace
from snugnet.compress.quantizers.layer_rewrites import SEPARATE, activation_name, equivalent
from snugnet.compress.quantizers.ranges import begin_ranges
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.storage import ALLOWED_LAYERS, check_layers
from snugnet.models.training.fit import fit
from snugnet.models.training.restore_if_worse import keep_better
from snugnet.models.training.sparsity_mask import KeepZeros

REGISTRY = default_8bit_quantize_registry.Default8BitQuantizeRegistry()
# Batch normalization is quantized with the convolution before it.
BEFORE_NORM = ("Conv2D", "DepthwiseConv2D")
# What another layer's activation may be; an Activation layer may be others too.
ACTIVATIONS = ("linear", "relu", "sigmoid", "softmax", "tanh")
WRAPPERS = frozenset({"QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2"})


def train_quantized(
    model: tf_keras.Model, train: Samples, val: Samples, settings: Mapping[str, Any], seed: int
) -> tuple[tf_keras.Model, tf_keras.Model, list[dict[str, float]]]:
    """Fine-tune a model with quantizers in it; kernels keep the zeros that they have.

    Args:
        model: The trained model.
        train: Samples to learn from, weights and ranges alike.
        val: Samples that choose the epoch.
        settings: `training`.
        seed: Seed of training.

    Returns:
        The model with quantizers, as it was after the epoch, or before the first, that was best on
        val; one without, with the same weights; the history.

    Raises:
        InputError: If a layer cannot be quantized.
    """
    plain = quantizable(model)
    quantized = quantize(plain)
    begin_ranges(quantized, plain, train.x, seed)
    start = quantized.get_weights()
    history = fit(quantized, train, val, settings["training"], seed, callbacks=[KeepZeros()])
    keep_better(quantized, start, history, val, settings["training"]["monitor"])
    return quantized, _stripped(quantized, plain), history


def quantize(model: tf_keras.Model) -> tf_keras.Model:
    """Put quantizers into a model that `quantizable` made.

    Raises:
        InputError: If tensorflow-model-optimization refuses it all the same.
    """
    try:
        return tfmot.quantization.keras.quantize_model(model)
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"tensorflow-model-optimization cannot quantize this model: {error}"
        ) from None


def quantizable(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a model in the form that can be quantized.

    Raises:
        InputError: If a layer cannot: all of them are named.
    """
    model = fold_relu(fold(standard(model)))
    chains = {
        layer.name: chain
        for layer in model.layers
        if not _supported(layer) and (chain := equivalent(layer)) is not None
    }
    model = replace(model, chains) if chains else model
    refused = [layer for layer in model.layers if not _supported(layer)]
    if refused:
        known = ", ".join(sorted(name for name in ALLOWED_LAYERS if _known(name)))
        raise InputError(
            f"QAT does not support {', '.join(map(_told, refused))}; allowed: {known}, "
            f"BatchNormalization, with activation {', '.join((*ACTIVATIONS, *SEPARATE))}"
        )
    return model


def _told(layer: tf_keras.layers.Layer) -> str:
    """Name a layer, and its activation if that is what is not supported."""
    kind = type(layer).__name__
    if REGISTRY.supports(layer) and hasattr(layer, "activation"):
        kind = f"{kind} with activation {activation_name(layer)}"
    return f"{layer.name!r} ({kind})"


def _known(class_name: str) -> bool:
    layer_class = getattr(tf_keras.layers, class_name)
    return layer_class is tf_keras.layers.InputLayer or layer_class in REGISTRY._layer_quantize_map


def _supported(layer: tf_keras.layers.Layer) -> bool:
    if type(layer) is tf_keras.layers.InputLayer:
        return True
    if type(layer) is tf_keras.layers.BatchNormalization:
        before = layer.inbound_nodes[0].inbound_layers
        return (
            type(before).__name__ in BEFORE_NORM
            and before.activation is tf_keras.activations.linear
            and len(before.outbound_nodes) == 1
        )
    own = SEPARATE if type(layer) is tf_keras.layers.Activation else ()
    return bool(REGISTRY.supports(layer)) and activation_name(layer) in (*ACTIVATIONS, *own)


def _stripped(quantized: tf_keras.Model, plain: tf_keras.Model) -> tf_keras.Model:
    """Copy the weights, which keep their names within a wrapper, into the model without them."""
    trained = {weight.name: weight.numpy() for weight in quantized.weights}
    for layer in plain.layers:
        layer.set_weights([trained[weight.name] for weight in layer.weights])
    return plain


def load_quantized(path: str | Path) -> tf_keras.Model:
    """Read a model with quantizers that `save_model` wrote, uncompiled.

    Raises:
        InputError: If the file is not such a model, or describes a layer that is not allowed.
    """
    check_layers(path, ALLOWED_LAYERS | WRAPPERS)
    with tfmot.quantization.keras.quantize_scope():
        return tf_keras.models.load_model(path, compile=False)
