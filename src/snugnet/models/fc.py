"""A fully connected network for small images."""

from collections.abc import Mapping
from typing import Any

import tf_keras
from tf_keras import layers

from snugnet.models.head import output_layer


def build(
    settings: Mapping[str, Any], input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build Flatten and a dense layer for each of `dense`.

    Args:
        settings: `dense` (units of each layer) and `dropout`.
        input_shape: Any.
        task: Decides the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    model = tf_keras.Sequential(name="fc")
    model.add(layers.InputLayer(input_shape))
    model.add(layers.Flatten())
    for units in settings["dense"]:
        model.add(layers.Dense(units, activation="relu"))
        model.add(layers.Dropout(settings["dropout"]))
    model.add(output_layer(task, classes))
    return model
