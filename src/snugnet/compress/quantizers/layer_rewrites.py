"""Layers that quantizers do not take, written as ones that they do; what is computed stays.

Measured with tensorflow-model-optimization 0.8.1: a swish within a layer leaves that layer in
float, a layer of its own becomes integers; batch normalization is taken right behind a linear layer
only, a depthwise convolution of one weight a channel anywhere.
"""

import math
from typing import Any

import numpy as np

from snugnet.compress.graph.functional import Chain
from snugnet.models.loading.keras2 import tf_keras

layers = tf_keras.layers
WEIGHTED = (layers.Conv2D, layers.Dense, layers.DepthwiseConv2D)
ACTIVATED = (*WEIGHTED, layers.Activation)
# What a layer of its own may compute, and a part of another may not.
SEPARATE = ("gelu", "swish")
# What does nothing but in training, where it is left out.
INERT = (
    *("AlphaDropout", "GaussianDropout", "GaussianNoise", "RandomBrightness", "RandomContrast"),
    *("RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
)


def equivalent(layer: tf_keras.layers.Layer) -> Chain | None:
    """Write a layer as others that compute the same; None if there is no way."""
    kind = type(layer)
    activation = _layer_of(layer.activation) if kind in ACTIVATED else None
    if activation is not None:
        linear = kind.from_config({**layer.get_config(), "activation": "linear"})
        chain = Chain([linear, activation], [layer.get_weights(), []])
        return chain if kind in WEIGHTED else Chain([activation], [[]])
    if kind.__name__ in INERT:
        return Chain([layers.Dropout(0.0)], [[]])
    gain_and_shift = _affine(layer)
    return None if gain_and_shift is None else _depthwise(layer.output_shape[1:], *gain_and_shift)


def activation_name(layer: tf_keras.layers.Layer) -> str:
    """Name what a layer computes in the end: a function of Keras, or a class of layers."""
    activation = getattr(layer, "activation", tf_keras.activations.linear)
    return str(getattr(activation, "__name__", type(activation).__name__))


def _layer_of(activation: Any) -> Any:
    """Make a layer of its own of what another cannot hold; None if it can, or nothing can."""
    if isinstance(activation, layers.Layer):
        copy = type(activation).from_config(activation.get_config())
        return None if activation.weights else copy
    if activation.__name__ == "relu6":
        return layers.ReLU(6.0)
    return layers.Activation(activation) if activation.__name__ in SEPARATE else None


def _affine(layer: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Give what a layer multiplies each channel by, and what it adds then; None if it does else."""
    rank, channels = len(layer.output_shape), layer.output_shape[-1]
    if type(layer) is layers.Rescaling:
        return np.full(channels, layer.scale), np.full(channels, layer.offset)
    if type(layer) is layers.Normalization and [axis % rank for axis in layer.axis] == [rank - 1]:
        mean, variance = (
            np.asarray(value, np.float64).reshape(-1) for value in (layer.mean, layer.variance)
        )
        gain = 1 / np.maximum(np.sqrt(variance), tf_keras.backend.epsilon())
        return (gain, -mean * gain) if not layer.invert else None
    if type(layer) is layers.BatchNormalization and list(layer.axis) == [rank - 1]:
        gain = 1 / np.sqrt(layer.moving_variance.numpy().astype(np.float64) + layer.epsilon)
        gain *= layer.gamma.numpy() if layer.scale else 1
        shift = layer.beta.numpy() if layer.center else 0
        return gain, shift - layer.moving_mean.numpy() * gain
    return None


def _depthwise(shape: tuple[int, ...], gain: np.ndarray, shift: np.ndarray) -> Chain:
    """Make a convolution of one weight a channel, between reshapes but for images."""
    made, weights = layers.DepthwiseConv2D(1), [gain.reshape(1, 1, -1, 1), shift]
    if len(shape) == 3:
        return Chain([made], [weights])
    plane = (1, math.prod(shape[:-1]), shape[-1])
    return Chain([layers.Reshape(plane), made, layers.Reshape(shape)], [[], weights, []])
