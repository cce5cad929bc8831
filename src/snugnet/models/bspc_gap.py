"""The residual ST-CNN for 12-lead ECG: two residual blocks along time, global average pooling."""

from collections.abc import Mapping
from typing import Any

import tf_keras
from tf_keras import layers

from snugnet.models.blocks import batch_norm, conv_bn_relu, dense_bn_relu
from snugnet.models.head import output_layer


def build(
    settings: Mapping[str, Any], input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build a stem along time, a convolution across the leads, residual blocks, GAP and dense.

    The leads are joined early: what follows then works on one row instead of twelve.

    Args:
        settings: `filters` (stem, across the leads, block 1, block 2), `kernel` along time,
            `stem_pool` and `pool` along time, `dense` (units of the dense layers), `dropout`.
        input_shape: (leads, time, 1).
        task: Decides the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    kernel, pool = (1, settings["kernel"]), (1, settings["pool"])
    stem, across, *blocks = settings["filters"]
    inputs = layers.Input(input_shape)
    x = conv_bn_relu(inputs, stem, kernel)
    x = layers.MaxPooling2D((1, settings["stem_pool"]))(x)
    x = conv_bn_relu(x, across, (input_shape[0], 1), padding="valid")
    for filters in blocks:
        x = _residual(x, filters, kernel, pool)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(settings["dropout"])(x)
    for units in settings["dense"]:
        x = dense_bn_relu(x, units, settings["dropout"])
    return tf_keras.Model(inputs, output_layer(task, classes)(x), name="bspc_gap")


def _residual(x: Any, filters: int, kernel: tuple[int, int], pool: tuple[int, int]) -> Any:
    """Three convolutions beside a 1x1 shortcut; both end in a pool that strides."""
    main = conv_bn_relu(x, filters, kernel)
    main = conv_bn_relu(main, filters, kernel)
    main = layers.Conv2D(filters, kernel, padding="same", use_bias=False)(main)
    main = layers.MaxPooling2D(pool)(batch_norm()(main))
    shortcut = layers.Conv2D(filters, (1, 1), use_bias=False)(layers.MaxPooling2D(pool)(x))
    shortcut = batch_norm()(shortcut)
    return layers.ReLU()(layers.Add()([main, shortcut]))
