"""The arithmetic of batch normalization in inference mode: one gain and one shift per channel."""

import numpy as np

from snugnet.models.loading.keras2 import tf_keras


def is_channel_batch_norm(layer: tf_keras.layers.Layer) -> bool:
    """Check for batch normalization along the last axis."""
    is_batch_norm = type(layer) is tf_keras.layers.BatchNormalization
    return is_batch_norm and list(layer.axis) == [len(layer.input_shape) - 1]


def compute_gain_and_shift(
    norm: tf_keras.layers.BatchNormalization, bias: np.ndarray | float = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Compute gain and shift of y = norm(x + bias) = gain * x + shift.

    gain = gamma / sqrt(variance + epsilon); shift = gain * (bias - mean) + beta, with the moving
    mean and variance.

    Args:
        norm: Batch normalization along the channels.
        bias: Bias of the layer before, (channels,).

    Returns:
        Gain and shift, float64 (channels,) each.
    """
    gain = 1 / np.sqrt(norm.moving_variance.numpy().astype(np.float64) + norm.epsilon)
    if norm.scale:
        gain *= norm.gamma.numpy()
    shift = bias - norm.moving_mean.numpy()
    shift = shift * gain + (norm.beta.numpy() if norm.center else 0)
    return gain, shift
