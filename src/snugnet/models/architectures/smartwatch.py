"""The smartwatch network of the slides: 2x2 convolutions over (time, channel), two dense layers."""

import tf_keras
from tf_keras import layers

from snugnet.core.settings.architectures.smartwatch import Smartwatch
from snugnet.models.architectures.head import make_output_layer

# The class of the settings that `build` takes.
SETTINGS = Smartwatch


def build(
    settings: Smartwatch, input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build [Conv 2x2 same, MaxPool 2x1] for each of `filters`, Flatten, Dense, Dense.

    Args:
        settings: `filters` (one number per block), `dense` (units) and `dropout`.
        input_shape: (time, channels, 1).
        task: Task of the dataset; it selects the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    model = tf_keras.Sequential(name="smartwatch")
    model.add(layers.InputLayer(input_shape, name="input"))
    for i, filters in enumerate(settings.filters, 1):
        convolution = layers.Conv2D(
            filters, (2, 2), padding="same", activation="relu", name=f"conv_{i}"
        )
        model.add(convolution)
        model.add(layers.MaxPooling2D((2, 1), padding="same", name=f"pool_{i}"))
    model.add(layers.Flatten(name="flatten"))
    model.add(layers.Dropout(settings.dropout, name="dropout"))
    model.add(layers.Dense(settings.dense, activation="relu", name="dense"))
    model.add(make_output_layer(task, classes))
    return model
