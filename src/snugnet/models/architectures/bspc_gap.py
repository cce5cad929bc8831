"""The residual ST-CNN for 12-lead ECG: two residual blocks along time, global average pooling."""

from typing import Any

import tf_keras
from tf_keras import layers

from snugnet.core.settings.architectures.bspc_gap import BspcGap
from snugnet.models.architectures.blocks import (
    apply_conv_bn_relu,
    apply_dense_bn_relu,
    make_batch_norm,
)
from snugnet.models.architectures.head import make_output_layer

# The class of the settings that `build` takes.
SETTINGS = BspcGap


def build(
    settings: BspcGap, input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build a stem along time, a convolution across the leads, residual blocks, GAP and Dense.

    The leads are joined early, so that the later layers work on one row instead of twelve.

    Args:
        settings: `filters` (stem, across the leads, block 1, block 2), `kernel` along time,
            `stem_pool` and `pool` along time, `dense` (units of the dense layers), `dropout`.
        input_shape: (leads, time, 1).
        task: Task of the dataset; it selects the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    kernel, pool = (1, settings.kernel), (1, settings.pool)
    stem, across, *blocks = settings.filters
    inputs = layers.Input(input_shape, name="input")
    x = apply_conv_bn_relu(inputs, stem, kernel, "conv_stem")
    x = layers.MaxPooling2D((1, settings.stem_pool), name="pool_stem")(x)
    x = apply_conv_bn_relu(x, across, (input_shape[0], 1), "conv_across", padding="valid")
    for i, filters in enumerate(blocks, 1):
        x = _apply_residual_block(x, filters, kernel, pool, f"block_{i}")
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    x = layers.Dropout(settings.dropout, name="dropout")(x)
    for i, units in enumerate(settings.dense, 1):
        x = apply_dense_bn_relu(x, units, settings.dropout, f"dense_{i}")
    return tf_keras.Model(inputs, make_output_layer(task, classes)(x), name="bspc_gap")


def _apply_residual_block(
    x: Any, filters: int, kernel: tuple[int, int], pool: tuple[int, int], name: str
) -> Any:
    """Apply three convolutions and a parallel 1x1 shortcut; each path has a strided pool."""
    main = apply_conv_bn_relu(x, filters, kernel, f"{name}_conv_1")
    main = apply_conv_bn_relu(main, filters, kernel, f"{name}_conv_2")
    third = f"{name}_conv_3"
    main = layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=third)(main)
    main = layers.MaxPooling2D(pool, name=f"{name}_pool")(make_batch_norm(f"{third}_bn")(main))
    shortcut = layers.MaxPooling2D(pool, name=f"{name}_shortcut_pool")(x)
    shortcut = layers.Conv2D(filters, (1, 1), use_bias=False, name=f"{name}_shortcut")(shortcut)
    shortcut = make_batch_norm(f"{name}_shortcut_bn")(shortcut)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([main, shortcut]))
