"""Layers that the ECG networks share."""

from typing import Any

from tf_keras import layers


def batch_norm(name: str) -> layers.BatchNormalization:
    """Batch normalization for small data sets.

    With Keras's own momentum of 0.99 the running statistics need hundreds of steps to settle; an
    epoch here has some dozens, and early stopping would judge a network that is not yet itself.
    """
    return layers.BatchNormalization(momentum=0.9, name=name)


def conv_bn_relu(x: Any, filters: int, kernel: tuple[int, int], name: str, **options: Any) -> Any:
    """Convolution without bias, batch normalization, ReLU; TFLite folds them into one operator."""
    options.setdefault("padding", "same")
    x = layers.Conv2D(filters, kernel, use_bias=False, name=name, **options)(x)
    return layers.ReLU(name=f"{name}_relu")(batch_norm(f"{name}_bn")(x))


def dense_bn_relu(x: Any, units: int, dropout: float, name: str) -> Any:
    """Dense layer without bias, batch normalization, ReLU, dropout."""
    x = layers.Dense(units, use_bias=False, name=name)(x)
    x = layers.ReLU(name=f"{name}_relu")(batch_norm(f"{name}_bn")(x))
    return layers.Dropout(dropout, name=f"{name}_dropout")(x)
