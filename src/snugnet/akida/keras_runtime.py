"""The quantized Keras model as a runtime: integer potentials computed by TensorFlow."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from snugnet.akida.exact import use_chip_arithmetic
from snugnet.akida.inputs import check_shape
from snugnet.core.errors import InputError
from snugnet.core.progress import progress
from snugnet.core.tensorflow_environment import importing
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.storage import ALLOWED_LAYERS, check_layers, list_layer_classes

with importing():
    import quantizeml

QUANTIZED_LAYERS = frozenset(
    f"Custom>{name}"
    for name, value in vars(quantizeml.layers).items()
    if isinstance(value, type) and issubclass(value, tf_keras.layers.Layer)
)


def load_quantized(path: str | Path) -> tf_keras.Model:
    """Load a model that quantizeml saved.

    Args:
        path: The .h5 file.

    Returns:
        The quantized model.

    Raises:
        InputError: If the file is not such a model or contains a layer that is not allowed.
    """
    check_layers(path, ALLOWED_LAYERS | QUANTIZED_LAYERS)
    if QUANTIZED_LAYERS.isdisjoint(list_layer_classes(path)):
        raise InputError(f"{path}: float model; quantize it with an Akida scheme first")
    return quantizeml.load_model(str(path))


def compute_keras_potentials(
    quantized: tf_keras.Model,
    x: np.ndarray,
    scale: Sequence[float],
    version: str | None,
    batch_size: int = 512,
) -> np.ndarray:
    """Compute the integer potentials of a quantized model.

    Args:
        quantized: Model from `quantize`.
        x: Inputs, (n, ...).
        scale: Real value of one step of each potential, (k,).
        version: Akida generation whose arithmetic to use; None for quantizeml's own arithmetic.
        batch_size: Number of samples in a batch.

    Returns:
        Potentials, int32 (n, k).

    Raises:
        InputError: If the shape of x differs from the model's input shape.
    """
    check_shape(x, quantized.input_shape[1:])
    arithmetic = nullcontext() if version is None else use_chip_arithmetic(version)
    parts = [np.zeros((0, len(scale)), np.int32)]
    with arithmetic, progress(len(x), "predicting") as meter:
        for start in range(0, len(x), batch_size):
            batch = x[start : start + batch_size].astype(np.float32)
            # `predict` is slower: tracing takes longer than computing a thousand samples.
            values = quantized(batch, training=False).numpy().reshape(len(batch), -1)
            # Rounding is safe: dividing by a power of two and a scale leaves an error below 0.001.
            parts.append(np.rint(values / np.array(scale)).astype(np.int32))
            meter.update(len(batch))
    return np.concatenate(parts)
