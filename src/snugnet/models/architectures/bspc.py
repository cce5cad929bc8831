"""ST-CNN-5 for 12-lead ECG: convolutions along time, one across the leads, two dense layers."""

from collections.abc import Mapping
from typing import Any

import tf_keras
from tf_keras import layers

from snugnet.models.architectures.blocks import conv_bn_relu, dense_bn_relu
from snugnet.models.architectures.head import output_layer


def build(
    settings: Mapping[str, Any], input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build a convolution along time, one across the leads, and more along time, each with a pool.

    The leads are joined early: what follows then works on one row instead of twelve.

    Args:
        settings: `filters` (the second is of the convolution across leads), `kernel` and `pool`
            along time, `dense` (units of the two dense layers), `dropout`.
        input_shape: (leads, time, 1).
        task: Decides the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    inputs = layers.Input(input_shape, name="input")
    kernel, pool = (1, settings["kernel"]), (1, settings["pool"])
    stem, across, *later = settings["filters"]
    x = conv_bn_relu(inputs, stem, kernel, "conv_stem")
    x = layers.MaxPooling2D(pool, name="pool_stem")(x)
    x = conv_bn_relu(x, across, (input_shape[0], 1), "conv_across", padding="valid")
    for i, filters in enumerate(later, 1):
        x = conv_bn_relu(x, filters, kernel, f"conv_{i}")
        x = layers.MaxPooling2D(pool, name=f"pool_{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    for i, units in enumerate(settings["dense"], 1):
        x = dense_bn_relu(x, units, settings["dropout"], f"dense_{i}")
    return tf_keras.Model(inputs, output_layer(task, classes)(x), name="bspc")
