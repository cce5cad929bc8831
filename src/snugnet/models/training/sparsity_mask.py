"""Callback that keeps pruned weights at zero during training."""

from typing import Any

import numpy as np

from snugnet.models.loading.keras2 import tf_keras


def find_kernels(model: tf_keras.Model) -> dict[str, Any]:
    """Find the kernels of convolutions and dense layers, also in layers wrapped by quantizers.

    Args:
        model: The model, with or without quantizers.

    Returns:
        Trainable kernel variables by name.
    """
    return {
        weight.name: weight
        for weight in model.trainable_weights
        if weight.name.split("/")[-1] == "kernel:0"
    }


class SparsityMask(tf_keras.callbacks.Callback):
    """Callback that resets the zeros of each kernel after every batch.

    The mask is taken when training begins. tensorflow-model-optimization has a quantization scheme
    that should preserve sparsity. On networks with batch normalization and residual connections it
    loses most of the sparsity (its issue 979), so the mask is applied here.

    Attributes:
        masked: Kernels with at least one zero when training began, each with its mask: float32,
            0 for weights that stay zero, else 1.
    """

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Store the mask of each kernel that contains zeros."""
        pairs = [(kernel, kernel.numpy() != 0) for kernel in find_kernels(self.model).values()]
        self.masked = [
            (kernel, mask.astype(np.float32)) for kernel, mask in pairs if not mask.all()
        ]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Multiply each kernel by its mask."""
        for kernel, mask in self.masked:
            kernel.assign(kernel * mask)
