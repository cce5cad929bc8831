"""A sequential CNN for both Akida generations: square kernels and pools, bounded ReLU (ReLU6)."""

import tf_keras
from tf_keras import layers

from snugnet.core.settings.architectures.akida_cnn import AkidaCnn
from snugnet.models.architectures.blocks import make_batch_norm
from snugnet.models.architectures.head import make_output_layer

# The class of the settings that `build` takes.
SETTINGS = AkidaCnn


def build(
    settings: AkidaCnn, input_shape: tuple[int, ...], task: str, classes: int
) -> tf_keras.Model:
    """Build [Conv 3x3, BatchNorm, MaxPool 2x2, ReLU6] for each of `filters`, Flatten, Dense.

    The last block has no pool. Inputs are the integers 0..255.

    Args:
        settings: `filters` (one number per block), `dropout` and `batch_norm`.
        input_shape: (height, width, 1).
        task: Task of the dataset; it selects the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    model = tf_keras.Sequential(name="akida_cnn")
    model.add(layers.InputLayer(input_shape, name="input"))
    last = len(settings.filters)
    for i, filters in enumerate(settings.filters, 1):
        normalized = settings.batch_norm
        model.add(
            layers.Conv2D(
                filters, (3, 3), padding="same", use_bias=not normalized, name=f"conv_{i}"
            )
        )
        if normalized:
            model.add(make_batch_norm(f"conv_{i}_bn"))
        if i < last:
            model.add(layers.MaxPooling2D((2, 2), padding="same", name=f"pool_{i}"))
        model.add(layers.ReLU(max_value=6, name=f"conv_{i}_relu"))
    model.add(layers.Flatten(name="flatten"))
    model.add(layers.Dropout(settings.dropout, name="dropout"))
    model.add(make_output_layer(task, classes))
    return model
