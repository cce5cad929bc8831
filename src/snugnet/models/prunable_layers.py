"""The layers whose kernels can be pruned and factorized."""

from snugnet.models.loading.keras2 import tf_keras


def has_prunable_kernel(layer: tf_keras.layers.Layer) -> bool:
    """Check for a layer with a kernel (..., inputs, outputs): Conv1D, Conv2D or Dense."""
    layers = tf_keras.layers
    return type(layer) in (layers.Conv1D, layers.Conv2D, layers.Dense)
