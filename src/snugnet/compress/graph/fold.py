"""Folding of batch normalization and ReLU into the layer before them.

Without quantizers, the TFLite converter does the folding itself. Two cases need it before
conversion:

- Batch normalization: between quantizers of tensorflow-model-optimization 0.8.1, the converter
  leaves a Dense layer before batch normalization in float (measured: FULLY_CONNECTED with float32
  weights). A tensor train has no single kernel into which it could be folded later.
- ReLU: if a ReLU layer follows a layer directly, without batch normalization between them, the same
  toolkit puts no quantizer on the kernel.
"""

from typing import Any

import numpy as np

from snugnet.compress.graph.batch_norm import compute_gain_and_shift, is_channel_batch_norm
from snugnet.compress.graph.functional import to_functional
from snugnet.models.loading.keras2 import tf_keras

# Layers with a kernel in canonical form. Each of them can have an activation of its own.
CANONICAL_KERNEL_LAYERS = ("Conv2D", "Dense", "DepthwiseConv2D")


def find_foldable_layers(
    model: tf_keras.Model, classes: tuple[str, ...] = ("Dense",)
) -> dict[str, str]:
    """Find the layers into which the next batch normalization can be folded.

    Args:
        model: Sequential or functional model.
        classes: Class names of the layers before batch normalization.

    Returns:
        Name of the batch normalization by the name of the layer before it.
    """
    return {
        before.name: layer.name
        for layer, before in _list_followers(model, classes)
        if is_channel_batch_norm(layer)
    }


def fold_batch_norm(model: tf_keras.Model, classes: tuple[str, ...] = ("Dense",)) -> tf_keras.Model:
    """Fold batch normalization into the layers before it; see `compute_gain_and_shift`.

    Args:
        model: Sequential or functional model.
        classes: Class names of the layers into which it is folded: Dense and two-dimensional
            convolutions.

    Returns:
        A functional model with the same outputs in inference mode; the model itself if there is
        nothing to fold.
    """
    pairs = find_foldable_layers(model, classes)
    if not pairs:
        return model
    model = to_functional(model)
    config = _remove_followers(model.get_config(), pairs, {"use_bias": True})
    copy = tf_keras.Model.from_config(config)
    for layer in copy.layers:
        if layer.name in pairs:
            norm = model.get_layer(pairs[layer.name])
            layer.set_weights(_fold_weights(model.get_layer(layer.name), norm))
        else:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return copy


def fold_relu(model: tf_keras.Model) -> tf_keras.Model:
    """Replace each plain ReLU layer by the activation of the layer before it.

    Args:
        model: Functional model.

    Returns:
        A model with the same outputs; the model itself if there is nothing to fold.
    """
    pairs = {
        before.name: layer.name
        for layer, before in _list_followers(model, CANONICAL_KERNEL_LAYERS)
        if _is_relu(layer)
    }
    if not pairs:
        return model
    config = _remove_followers(model.get_config(), pairs, {"activation": "relu"})
    copy = tf_keras.Model.from_config(config)
    for layer in copy.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    return copy


def _is_relu(layer: tf_keras.layers.Layer) -> bool:
    if type(layer) is tf_keras.layers.Activation:
        return bool(layer.activation is tf_keras.activations.relu)
    if type(layer) is not tf_keras.layers.ReLU:
        return False
    return layer.max_value is None and not layer.negative_slope and not layer.threshold


def _list_followers(
    model: tf_keras.Model, classes: tuple[str, ...]
) -> list[tuple[tf_keras.layers.Layer, tf_keras.layers.Layer]]:
    """List (layer, layer before it), where the layer before it is linear and has no other reader.

    Args:
        model: The model.
        classes: Class names of the layer before.
    """
    model_outputs = {id(tensor) for tensor in model.outputs}
    followers = []
    for layer in model.layers:
        before = layer.inbound_nodes[0].inbound_layers
        if (
            type(before).__name__ in classes
            and len(before.outbound_nodes) == 1
            and id(before.output) not in model_outputs
            and before.activation is tf_keras.activations.linear
        ):
            followers.append((layer, before))
    return followers


def _remove_followers(config: dict, pairs: dict[str, str], changes: dict[str, Any]) -> dict:
    """Remove layers from the configuration of a model and connect their inputs to their readers.

    Args:
        config: Configuration of a functional model; changed in place.
        pairs: Name of the layer to remove by the name of the layer before it.
        changes: New settings of the layers before.

    Returns:
        `config`.
    """
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


def _fold_weights(layer: tf_keras.layers.Layer, norm: tf_keras.layers.Layer) -> list[np.ndarray]:
    """Compute the weights of a layer with batch normalization folded in, in float64."""
    # The last kernel produces the outputs. A separable convolution has another one before it.
    *before, kernel = (weight.astype(np.float64) for weight in _get_kernels(layer))
    bias = layer.bias.numpy().astype(np.float64) if layer.use_bias else 0
    gain, shift = compute_gain_and_shift(norm, bias)
    # The output channels of a depthwise convolution are the last two dimensions of its kernel.
    is_depthwise = type(layer).__name__ == "DepthwiseConv2D"
    channel_shape = kernel.shape[2:] if is_depthwise else (len(gain),)
    return [*before, kernel * gain.reshape(channel_shape), shift]


def _get_kernels(layer: tf_keras.layers.Layer) -> list[np.ndarray]:
    weights = layer.get_weights()
    return weights[:-1] if layer.use_bias else weights
