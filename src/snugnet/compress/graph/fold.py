"""Layers folded into the one before them, as the converter does it where there are no quantizers.

Batch normalization: between quantizers of tensorflow-model-optimization 0.8.1 the converter leaves
a Dense before it in float (measured: FULLY_CONNECTED with float32 weights), and a tensor train has
no single kernel that could take it in later. ReLU: before a layer of its own, without batch
normalization between, the same toolkit puts no quantizer on the kernel.
"""

from typing import Any

import numpy as np

from snugnet.compress.graph.functional import functional
from snugnet.models.loading.keras2 import tf_keras

WEIGHTED = ("Conv2D", "Dense", "DepthwiseConv2D")


def foldable(model: tf_keras.Model, classes: tuple[str, ...] = ("Dense",)) -> dict[str, str]:
    """Name the layers of some classes that batch normalization alone follows, with its names."""
    return {
        before.name: layer.name
        for layer, before in _followers(model, classes)
        if type(layer) is tf_keras.layers.BatchNormalization and _along_channels(layer)
    }


def _along_channels(norm: tf_keras.layers.Layer) -> bool:
    return list(norm.axis) == [len(norm.input_shape) - 1]


def fold(model: tf_keras.Model, classes: tuple[str, ...] = ("Dense",)) -> tf_keras.Model:
    """Fold batch normalization into the layers before it: y = g (Wx + b - m) + beta.

    Args:
        model: Sequential or functional.
        classes: Of the layers that take it in: Dense and two-dimensional convolutions.

    Returns:
        A functional model that computes, when not training, the same; g = gamma / sqrt(variance +
        epsilon). The model itself if there is nothing to fold.
    """
    pairs = foldable(model, classes)
    if not pairs:
        return model
    model = functional(model)
    copy = tf_keras.Model.from_config(_config(model.get_config(), pairs, {"use_bias": True}))
    for layer in copy.layers:
        if layer.name in pairs:
            norm = model.get_layer(pairs[layer.name])
            layer.set_weights(_folded(model.get_layer(layer.name), norm))
        else:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return copy


def fold_relu(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a functional model with each plain ReLU made the activation of the layer before it.

    Returns:
        A model that computes the same; the model itself if there is nothing to fold.
    """
    pairs = {
        before.name: layer.name for layer, before in _followers(model, WEIGHTED) if _is_relu(layer)
    }
    if not pairs:
        return model
    copy = tf_keras.Model.from_config(_config(model.get_config(), pairs, {"activation": "relu"}))
    for layer in copy.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    return copy


def _is_relu(layer: tf_keras.layers.Layer) -> bool:
    if type(layer) is tf_keras.layers.Activation:
        return bool(layer.activation is tf_keras.activations.relu)
    if type(layer) is not tf_keras.layers.ReLU:
        return False
    return layer.max_value is None and not layer.negative_slope and not layer.threshold


def _followers(
    model: tf_keras.Model, classes: tuple[str, ...]
) -> list[tuple[tf_keras.layers.Layer, tf_keras.layers.Layer]]:
    """List layers, each with the linear one before it that nothing else reads."""
    ends = {id(tensor) for tensor in model.outputs}
    found = []
    for layer in model.layers:
        before = layer.inbound_nodes[0].inbound_layers
        if (
            type(before).__name__ in classes
            and len(before.outbound_nodes) == 1
            and id(before.output) not in ends
            and before.activation is tf_keras.activations.linear
        ):
            found.append((layer, before))
    return found


def _config(config: dict, pairs: dict[str, str], changes: dict[str, Any]) -> dict:
    """Take followers out of a model's description; the layers before them change and step in."""
    before = {follower: layer for layer, follower in pairs.items()}
    config["layers"] = [layer for layer in config["layers"] if layer["name"] not in before]
    for layer in config["layers"]:
        if layer["name"] in pairs:
            layer["config"].update(changes)
        for node in layer["inbound_nodes"]:
            for source in node:
                source[0] = before.get(source[0], source[0])
    for output in config["output_layers"]:
        output[0] = before.get(output[0], output[0])
    return config


def _folded(layer: tf_keras.layers.Layer, norm: tf_keras.layers.Layer) -> list[np.ndarray]:
    # The last kernel makes the outputs; a separable convolution has another before it.
    *before, kernel = (weight.astype(np.float64) for weight in _kernels(layer))
    bias = layer.bias.numpy().astype(np.float64) if layer.use_bias else 0
    factor = 1 / np.sqrt(norm.moving_variance.numpy().astype(np.float64) + norm.epsilon)
    if norm.scale:
        factor *= norm.gamma.numpy()
    shift = bias - norm.moving_mean.numpy()
    shift = shift * factor + (norm.beta.numpy() if norm.center else 0)
    # The outputs of a depthwise convolution lie along the last two dimensions of its kernel.
    along = kernel.shape[2:] if type(layer).__name__ == "DepthwiseConv2D" else (len(factor),)
    return [*before, kernel * factor.reshape(along), shift]


def _kernels(layer: tf_keras.layers.Layer) -> list[np.ndarray]:
    weights = layer.get_weights()
    return weights[:-1] if layer.use_bias else weights
