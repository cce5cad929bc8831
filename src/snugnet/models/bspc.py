"""ST-CNN-5 for 12-lead ECG: convolutions along time, one across the leads, two dense layers."""

from collections.abc import Mapping
from typing import Any

import tf_keras
from tf_keras import layers

from snugnet.models.blocks import conv_bn_relu, dense_bn_relu
from snugnet.models.head import output_layer


def build(
    settings: Mapping[str, Any], input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build a convolution and a pool along time for each of `filters`, then one across the leads.

    Args:
        settings: `filters` (the last is of the convolution across leads), `kernel` and `pool`
            along time, `dense` (units of the two dense layers), `dropout`.
        input_shape: (leads, time, 1).
        task: Decides the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    inputs = layers.Input(input_shape)
    x = inputs
    for filters in settings["filters"][:-1]:
        x = conv_bn_relu(x, filters, (1, settings["kernel"]))
        x = layers.MaxPooling2D((1, settings["pool"]))(x)
    x = conv_bn_relu(x, settings["filters"][-1], (input_shape[0], 1), padding="valid")
    x = layers.MaxPooling2D((1, 2))(x)
    x = layers.Flatten()(x)
    for units in settings["dense"]:
        x = dense_bn_relu(x, units, settings["dropout"])
    return tf_keras.Model(inputs, output_layer(task, classes)(x), name="bspc")
