"""Batch normalization folded into the Dense layer before it.

The converter does the same where there are no quantizers. Between quantizers of
tensorflow-model-optimization 0.8.1 it leaves such a Dense in float (measured: FULLY_CONNECTED with
float32 weights), and a tensor train has no single kernel that could take it in later.
"""

import numpy as np

from snugnet.compress.graph import functional
from snugnet.models.keras2 import tf_keras


def foldable(model: tf_keras.Model) -> dict[str, str]:
    """Name the Dense layers that batch normalization follows, and nothing else, with its names."""
    pairs = {}
    ends = {id(tensor) for tensor in model.outputs}
    for layer in model.layers:
        if type(layer) is tf_keras.layers.BatchNormalization:
            before = layer.inbound_nodes[0].inbound_layers
            if (
                type(before) is tf_keras.layers.Dense
                and len(before.outbound_nodes) == 1
                and id(before.output) not in ends
                and before.activation is tf_keras.activations.linear
            ):
                pairs[before.name] = layer.name
    return pairs


def fold(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a model with batch normalization folded into Dense layers: y = g (Wx + b - m) + beta.

    Returns:
        A functional model that computes, when not training, the same; g = gamma / sqrt(variance +
        epsilon).
    """
    model = functional(model)
    pairs = foldable(model)
    if not pairs:
        return model
    copy = tf_keras.Model.from_config(_config(model.get_config(), pairs))
    for layer in copy.layers:
        if layer.name in pairs:
            norm = model.get_layer(pairs[layer.name])
            layer.set_weights(_folded(model.get_layer(layer.name), norm))
        else:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return copy


def _config(config: dict, pairs: dict[str, str]) -> dict:
    """Take the normalizations out of a model's description; their inputs take their place."""
    dense_of = {norm: dense for dense, norm in pairs.items()}
    config["layers"] = [layer for layer in config["layers"] if layer["name"] not in dense_of]
    for layer in config["layers"]:
        if layer["name"] in pairs:
            layer["config"]["use_bias"] = True
        for node in layer["inbound_nodes"]:
            for source in node:
                source[0] = dense_of.get(source[0], source[0])
    for output in config["output_layers"]:
        output[0] = dense_of.get(output[0], output[0])
    return config


def _folded(dense: tf_keras.layers.Layer, norm: tf_keras.layers.Layer) -> list[np.ndarray]:
    kernel, *bias = (weight.astype(np.float64) for weight in dense.get_weights())
    factor = 1 / np.sqrt(norm.moving_variance.numpy().astype(np.float64) + norm.epsilon)
    if norm.scale:
        factor *= norm.gamma.numpy()
    shift = (bias[0] if bias else 0) - norm.moving_mean.numpy()
    shift = shift * factor + (norm.beta.numpy() if norm.center else 0)
    return [kernel * factor, shift]
