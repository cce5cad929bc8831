"""ST-CNN-5 for 12-lead ECG: convolutions along time, one across the leads, two dense layers."""

import tf_keras
from tf_keras import layers

from snugnet.core.settings.architectures.bspc import Bspc
from snugnet.models.architectures.blocks import apply_conv_bn_relu, apply_dense_bn_relu
from snugnet.models.architectures.head import make_output_layer

# The class of the settings that `build` takes.
SETTINGS = Bspc


def build(settings: Bspc, input_shape: tuple[int, ...], task: str, classes: int) -> tf_keras.Model:
    """Build ST-CNN-5.

    Each convolution along time is followed by a pool, the one across the leads is not. The leads
    are joined early, so that the later layers work on one row instead of twelve.

    Args:
        settings: `filters` (the second belongs to the convolution across the leads), `kernel` and
            `pool` along time, `dense` (units of the two dense layers), `dropout`.
        input_shape: (leads, time, 1).
        task: Task of the dataset; it selects the output layer.
        classes: Number of classes.

    Returns:
        An uncompiled model.
    """
    inputs = layers.Input(input_shape, name="input")
    kernel, pool = (1, settings.kernel), (1, settings.pool)
    stem, across, *later = settings.filters
    x = apply_conv_bn_relu(inputs, stem, kernel, "conv_stem")
    x = layers.MaxPooling2D(pool, name="pool_stem")(x)
    x = apply_conv_bn_relu(x, across, (input_shape[0], 1), "conv_across", padding="valid")
    for i, filters in enumerate(later, 1):
        x = apply_conv_bn_relu(x, filters, kernel, f"conv_{i}")
        x = layers.MaxPooling2D(pool, name=f"pool_{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    for i, units in enumerate(settings.dense, 1):
        x = apply_dense_bn_relu(x, units, settings.dropout, f"dense_{i}")
    return tf_keras.Model(inputs, make_output_layer(task, classes)(x), name="bspc")
