"""Rewriting of layers that cannot be quantized as equivalent layers that can.

Measured with tensorflow-model-optimization 0.8.1: a layer with a swish activation stays in float,
but a separate swish layer becomes integer. Batch normalization is supported only directly after a
linear layer. A depthwise convolution with one weight per channel is supported everywhere.
"""

import math
from typing import Any

import numpy as np

from snugnet.compress.graph.batch_norm import compute_gain_and_shift, is_channel_batch_norm
from snugnet.compress.graph.fold import CANONICAL_KERNEL_LAYERS
from snugnet.compress.graph.functional import Chain
from snugnet.models.loading.keras2 import tf_keras

layers = tf_keras.layers
WITH_ACTIVATION = (*CANONICAL_KERNEL_LAYERS, "Activation")
# Activations that can be quantized as a separate layer, but not as part of another layer.
SEPARATE_ACTIVATIONS = ("gelu", "swish")
# Layers that do nothing in inference mode. Quantized models are trained without them.
TRAINING_ONLY = (
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
)


def rewrite_layer(layer: tf_keras.layers.Layer) -> Chain | None:
    """Rewrite a layer as equivalent layers that can be quantized.

    Args:
        layer: A layer that cannot be quantized.

    Returns:
        A chain with the same outputs in inference mode; None if there is no equivalent.
    """
    kind = type(layer)
    activation = (
        _make_activation_layer(layer.activation) if kind.__name__ in WITH_ACTIVATION else None
    )
    if activation is not None:
        linear = kind.from_config({**layer.get_config(), "activation": "linear"})
        chain = Chain([linear, activation], [layer.get_weights(), []])
        return chain if kind.__name__ in CANONICAL_KERNEL_LAYERS else Chain([activation], [[]])
    if kind.__name__ in TRAINING_ONLY:
        return Chain([layers.Dropout(0.0)], [[]])
    gain_and_shift = _find_gain_and_shift(layer)
    if gain_and_shift is None:
        return None
    gain, shift = gain_and_shift
    return _make_depthwise(layer.output_shape[1:], gain, shift)


def get_activation_name(layer: tf_keras.layers.Layer) -> str:
    """Return the name of the activation of a layer.

    Args:
        layer: Any layer.

    Returns:
        Name of the Keras function, or class of the layer that is the activation; `linear` if the
        layer has none.
    """
    activation = getattr(layer, "activation", tf_keras.activations.linear)
    return str(getattr(activation, "__name__", type(activation).__name__))


def _make_activation_layer(activation: Any) -> Any:
    """Make a separate layer for an activation; None if that is not necessary or not possible."""
    if isinstance(activation, layers.Layer):
        copy = type(activation).from_config(activation.get_config())
        return None if activation.weights else copy
    if activation.__name__ == "relu6":
        return layers.ReLU(6.0)
    if activation.__name__ in SEPARATE_ACTIVATIONS:
        return layers.Activation(activation)
    return None


def _find_gain_and_shift(layer: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Find gain and shift, (channels,) each, of a layer y = gain * x + shift.

    Returns:
        Gain and shift; None if the layer computes something else.
    """
    rank, channels = len(layer.output_shape), layer.output_shape[-1]
    if type(layer) is layers.Rescaling:
        return np.full(channels, layer.scale), np.full(channels, layer.offset)
    if type(layer) is layers.Normalization and [axis % rank for axis in layer.axis] == [rank - 1]:
        mean, variance = (
            np.asarray(value, np.float64).reshape(-1) for value in (layer.mean, layer.variance)
        )
        gain = 1 / np.maximum(np.sqrt(variance), tf_keras.backend.epsilon())
        return None if layer.invert else (gain, -mean * gain)
    return compute_gain_and_shift(layer) if is_channel_batch_norm(layer) else None


def _make_depthwise(shape: tuple[int, ...], gain: np.ndarray, shift: np.ndarray) -> Chain:
    """Make a 1x1 depthwise convolution with one weight per channel.

    Args:
        shape: Shape of its inputs without the batch. Unless it is that of an image (height, width,
            channels), a Reshape is put before and after the convolution.
        gain: Weight of each channel, (channels,).
        shift: Bias of each channel, (channels,).
    """
    convolution, weights = layers.DepthwiseConv2D(1), [gain.reshape(1, 1, -1, 1), shift]
    if len(shape) == 3:
        return Chain([convolution], [weights])
    plane = (1, math.prod(shape[:-1]), shape[-1])
    return Chain([layers.Reshape(plane), convolution, layers.Reshape(shape)], [[], weights, []])
