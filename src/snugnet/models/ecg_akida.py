"""A heart-beat network that both generations of Akida accept: square, sequential, bounded."""

from collections.abc import Mapping
from typing import Any

import tf_keras
from tf_keras import layers

from snugnet.models.blocks import batch_norm
from snugnet.models.head import output_layer


def build(
    settings: Mapping[str, Any], input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build [Conv 3x3, BatchNorm, MaxPool 2x2, ReLU6] for each of `filters`, Flatten, Dense.

    The last block has no pool. Inputs are the integers 0..255.

    Args:
        settings: `filters` (one number a block) and `dropout`.
        input_shape: (height, width, 1).
        task: Decides the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    model = tf_keras.Sequential(name="ecg_akida")
    model.add(layers.InputLayer(input_shape))
    last = len(settings["filters"]) - 1
    for i, filters in enumerate(settings["filters"]):
        model.add(layers.Conv2D(filters, (3, 3), padding="same", use_bias=False))
        model.add(batch_norm())
        if i < last:
            model.add(layers.MaxPooling2D((2, 2), padding="same"))
        model.add(layers.ReLU(max_value=6))
    model.add(layers.Flatten())
    model.add(layers.Dropout(settings["dropout"]))
    model.add(output_layer(task, classes))
    return model
