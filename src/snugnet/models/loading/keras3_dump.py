"""Script that writes a .keras file of Keras 3 as .npz: python keras3_dump.py MODEL.keras OUT.npz.

`snugnet.models.loading.keras3` runs it by path in a subprocess, in which Keras 2 is not loaded.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

# Keras 3, which is the only reader of its own files. All other modules use Keras 2 (tf_keras).
import keras
import numpy as np


def iterate_weights(model: Any, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the weights of all layers.

    Args:
        model: A Keras 3 model; it may contain submodels.
        prefix: Start of every key.

    Yields:
        Key (`submodel/layer/number of the weight`) and value.
    """
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from iterate_weights(layer, f"{prefix}{layer.name}/")
        else:
            for i, weight in enumerate(layer.weights):
                yield f"{prefix}{layer.name}/{i}", np.asarray(weight)


def main(path: str, target: str) -> None:
    """Write the description and the weights of a model, and its output for a random input.

    Args:
        path: File that Keras 3 reads.
        target: Path of the .npz file: `model` (JSON as bytes), `x`, `y` and the weights. `x` and
            `y` are empty if the model has several inputs or outputs, or an input without a fixed
            shape.
    """
    model = keras.models.load_model(path, compile=False, safe_mode=True)
    x = np.zeros((0,), np.float32)
    y = x
    if len(model.inputs) == len(model.outputs) == 1 and None not in model.inputs[0].shape[1:]:
        shape = (2, *model.inputs[0].shape[1:])
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        y = np.asarray(model(x, training=False))
    description = json.dumps(keras.saving.serialize_keras_object(model)).encode()
    arrays = dict(iterate_weights(model))
    np.savez(target, model=np.frombuffer(description, np.uint8), x=x, y=y, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
