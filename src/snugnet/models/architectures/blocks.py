"""Blocks of layers shared by several network architectures."""

from typing import Any

from tf_keras import layers


def make_batch_norm(name: str) -> layers.BatchNormalization:
    """Make a batch normalization layer with a momentum of 0.9, for small datasets.

    With Keras's default momentum of 0.99, the running statistics need hundreds of steps to settle.
    An epoch here has a few dozen steps, so early stopping would evaluate unsettled statistics.

    Args:
        name: Name of the layer.

    Returns:
        The layer.
    """
    return layers.BatchNormalization(momentum=0.9, name=name)


def apply_conv_bn_relu(
    x: Any, filters: int, kernel: tuple[int, int], name: str, **options: Any
) -> Any:
    """Apply a convolution without bias, batch normalization and ReLU.

    TFLite folds the three layers into one operator.

    Args:
        x: Keras tensor, (batch, height, width, channels).
        filters: Number of output channels.
        kernel: Kernel size (height, width).
        name: Name of the convolution; the other layers append `_bn` and `_relu` to it.
        **options: Further arguments of Conv2D; the default padding is `same`.

    Returns:
        Keras tensor, (batch, height, width, filters).
    """
    options.setdefault("padding", "same")
    x = layers.Conv2D(filters, kernel, use_bias=False, name=name, **options)(x)
    return layers.ReLU(name=f"{name}_relu")(make_batch_norm(f"{name}_bn")(x))


def apply_dense_bn_relu(x: Any, units: int, dropout: float, name: str) -> Any:
    """Apply a Dense layer without bias, batch normalization, ReLU and dropout.

    Args:
        x: Keras tensor, (batch, features).
        units: Number of output features.
        dropout: Fraction of outputs that dropout sets to zero during training.
        name: Name of the Dense layer; the other layers append `_bn`, `_relu` and `_dropout` to it.

    Returns:
        Keras tensor, (batch, units).
    """
    x = layers.Dense(units, use_bias=False, name=name)(x)
    x = layers.ReLU(name=f"{name}_relu")(make_batch_norm(f"{name}_bn")(x))
    return layers.Dropout(dropout, name=f"{name}_dropout")(x)
