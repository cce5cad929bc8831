"""A fully connected network for small images."""

import tf_keras
from tf_keras import layers

from snugnet.core.settings.architectures.fc import Fc
from snugnet.models.architectures.head import make_output_layer

# The class of the settings that `build` takes.
SETTINGS = Fc


def build(settings: Fc, input_shape: tuple[int, ...], task: str, classes: int) -> tf_keras.Model:
    """Build Flatten and a Dense layer for each of `dense`.

    Args:
        settings: `dense` (units of each layer) and `dropout`.
        input_shape: Any shape.
        task: Task of the dataset; it selects the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    model = tf_keras.Sequential(name="fc")
    model.add(layers.InputLayer(input_shape, name="input"))
    model.add(layers.Flatten(name="flatten"))
    for i, units in enumerate(settings.dense, 1):
        model.add(layers.Dense(units, activation="relu", name=f"dense_{i}"))
        model.add(layers.Dropout(settings.dropout, name=f"dropout_{i}"))
    model.add(make_output_layer(task, classes))
    return model
