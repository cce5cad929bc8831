"""Weights that pruning has set to zero, kept at zero while training goes on."""

from typing import Any

import numpy as np

from snugnet.models.loading.keras2 import tf_keras


def kernels(model: tf_keras.Model) -> dict[str, Any]:
    """Give the kernels of convolutions and dense layers, wrapped by quantizers or not, by name."""
    return {
        weight.name: weight
        for weight in model.trainable_weights
        if weight.name.split("/")[-1] == "kernel:0"
    }


class KeepZeros(tf_keras.callbacks.Callback):
    """Sets to zero again, after each batch, what was zero in a kernel when training began.

    tensorflow-model-optimization has a quantization scheme that is to preserve sparsity; on
    networks with batch normalization and residuals it loses most of it (its issue 979), so the mask
    is applied here.
    """

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Remember where the zeros are."""
        pairs = [(kernel, kernel.numpy() != 0) for kernel in kernels(self.model).values()]
        self.masked = [
            (kernel, mask.astype(np.float32)) for kernel, mask in pairs if not mask.all()
        ]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Bring them back."""
        for kernel, mask in self.masked:
            kernel.assign(kernel * mask)
