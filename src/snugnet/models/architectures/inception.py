"""A one-dimensional InceptionNet for single heart beats, written in 2-D layers of height 1."""

from typing import Any

import tf_keras
from tf_keras import layers

from snugnet.core.settings.architectures.inception import Inception
from snugnet.models.architectures.blocks import apply_conv_bn_relu
from snugnet.models.architectures.head import make_output_layer

# The class of the settings that `build` takes.
SETTINGS = Inception


def build(
    settings: Inception, input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build stages of a strided convolution and two Inception modules with a residual Add.

    Args:
        settings: `stages` (their number), `filters` (of a stage; each of its four branches has a
            quarter of them), `bottleneck` (filters of the 1x1 bottleneck), `kernel` and `stride`
            of the strided convolutions.
        input_shape: (1, time, 1).
        task: Task of the dataset; it selects the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    inputs = layers.Input(input_shape, name="input")
    x = inputs
    filters, strides = settings.filters, (1, settings.stride)
    for i in range(1, settings.stages + 1):
        name = f"stage_{i}"
        x = apply_conv_bn_relu(x, filters, (1, settings.kernel), f"{name}_conv", strides=strides)
        block = _apply_inception_module(x, filters, settings.bottleneck, f"{name}_module_1")
        block = _apply_inception_module(block, filters, settings.bottleneck, f"{name}_module_2")
        x = layers.Add(name=f"{name}_add")([x, block])
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return tf_keras.Model(inputs, make_output_layer(task, classes)(x), name="inception")


def _apply_inception_module(x: Any, filters: int, bottleneck: int, name: str) -> Any:
    """Concatenate three kernel sizes after a 1x1 bottleneck, and a pool with a 1x1 convolution."""

    def apply_conv(x: Any, filters: int, size: int, role: str) -> Any:
        layer = layers.Conv2D(
            filters, (1, size), padding="same", activation="relu", name=f"{name}_{role}"
        )
        return layer(x)

    branch = filters // 4
    narrow = apply_conv(x, bottleneck, 1, "bottleneck")
    branches = [apply_conv(narrow, branch, size, f"conv_{size}") for size in (3, 5, 7)]
    pooled = layers.MaxPooling2D((1, 3), strides=1, padding="same", name=f"{name}_pool")(x)
    branches.append(apply_conv(pooled, branch, 1, "pool_conv"))
    return layers.Concatenate(name=f"{name}_join")(branches)
