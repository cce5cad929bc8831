"""A one-dimensional InceptionNet for single heart beats, written in 2-D layers of height 1."""

from collections.abc import Mapping
from typing import Any

import tf_keras
from tf_keras import layers

from snugnet.models.blocks import conv_bn_relu
from snugnet.models.head import output_layer


def build(
    settings: Mapping[str, Any], input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build stages of a strided convolution and two Inception modules with a residual Add.

    Args:
        settings: `stages` (how many), `filters` (of a stage, four branches share them),
            `bottleneck`, `kernel` and `stride` of the strided convolutions.
        input_shape: (1, time, 1).
        task: Decides the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    inputs = layers.Input(input_shape)
    x = inputs
    for _ in range(settings["stages"]):
        strides = (1, settings["stride"])
        x = conv_bn_relu(x, settings["filters"], (1, settings["kernel"]), strides=strides)
        block = _module(x, settings["filters"], settings["bottleneck"])
        block = _module(block, settings["filters"], settings["bottleneck"])
        x = layers.Add()([x, block])
    x = layers.GlobalAveragePooling2D()(x)
    return tf_keras.Model(inputs, output_layer(task, classes)(x), name="inception")


def _module(x: Any, filters: int, bottleneck: int) -> Any:
    """Three kernel sizes behind a 1x1 bottleneck, and a pool with 1x1, concatenated."""
    branch = filters // 4
    narrow = layers.Conv2D(bottleneck, (1, 1), activation="relu")(x)
    branches = [
        layers.Conv2D(branch, (1, size), padding="same", activation="relu")(narrow)
        for size in (3, 5, 7)
    ]
    pooled = layers.MaxPooling2D((1, 3), strides=1, padding="same")(x)
    branches.append(layers.Conv2D(branch, (1, 1), activation="relu")(pooled))
    return layers.Concatenate()(branches)
