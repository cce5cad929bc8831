"""Layers that the ECG networks share."""

from typing import Any

from tf_keras import layers


def conv_bn_relu(x: Any, filters: int, kernel: tuple[int, int], **options: Any) -> Any:
    """Convolution without bias, batch normalization, ReLU; TFLite folds them into one operator."""
    options.setdefault("padding", "same")
    x = layers.Conv2D(filters, kernel, use_bias=False, **options)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def dense_bn_relu(x: Any, units: int, dropout: float) -> Any:
    """Dense layer without bias, batch normalization, ReLU, dropout."""
    x = layers.Dense(units, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return layers.Dropout(dropout)(x)
