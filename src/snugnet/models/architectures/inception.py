"""A one-dimensional InceptionNet for single heart beats, written in 2-D layers of height 1."""

from collections.abc import Mapping
from typing import Any

import tf_keras
from tf_keras import layers

from snugnet.models.architectures.blocks import conv_bn_relu
from snugnet.models.architectures.head import output_layer


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
    inputs = layers.Input(input_shape, name="input")
    x = inputs
    filters, strides = settings["filters"], (1, settings["stride"])
    for i in range(1, settings["stages"] + 1):
        name = f"stage_{i}"
        x = conv_bn_relu(x, filters, (1, settings["kernel"]), f"{name}_conv", strides=strides)
        block = _module(x, filters, settings["bottleneck"], f"{name}_module_1")
        block = _module(block, filters, settings["bottleneck"], f"{name}_module_2")
        x = layers.Add(name=f"{name}_add")([x, block])
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return tf_keras.Model(inputs, output_layer(task, classes)(x), name="inception")


def _module(x: Any, filters: int, bottleneck: int, name: str) -> Any:
    """Three kernel sizes behind a 1x1 bottleneck, and a pool with 1x1, concatenated."""

    def conv(x: Any, filters: int, size: int, role: str) -> Any:
        layer = layers.Conv2D(
            filters, (1, size), padding="same", activation="relu", name=f"{name}_{role}"
        )
        return layer(x)

    branch = filters // 4
    narrow = conv(x, bottleneck, 1, "bottleneck")
    branches = [conv(narrow, branch, size, f"conv_{size}") for size in (3, 5, 7)]
    pooled = layers.MaxPooling2D((1, 3), strides=1, padding="same", name=f"{name}_pool")(x)
    branches.append(conv(pooled, branch, 1, "pool_conv"))
    return layers.Concatenate(name=f"{name}_join")(branches)
