"""Keras 3 reads a .keras file and writes what it is: python keras3_dump.py MODEL.keras OUT.npz.

Run by path, in a process of its own, so that Keras 2 is not in it.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import keras  # Keras 3 on purpose: only it reads its own files; ours is tf_keras everywhere else
import numpy as np


def weights(model: Any, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """List the weights of all layers, named by their place and counted."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from weights(layer, f"{prefix}{layer.name}/")
        else:
            for i, weight in enumerate(layer.weights):
                yield f"{prefix}{layer.name}/{i}", np.asarray(weight)


def main(path: str, target: str) -> None:
    """Write the description, the weights, and an output for an input."""
    model = keras.models.load_model(path, compile=False, safe_mode=True)
    x = np.zeros((0,), np.float32)
    y = x
    if len(model.inputs) == len(model.outputs) == 1 and None not in model.inputs[0].shape[1:]:
        shape = (2, *model.inputs[0].shape[1:])
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        y = np.asarray(model(x, training=False))
    described = json.dumps(keras.saving.serialize_keras_object(model)).encode()
    arrays = dict(weights(model))
    np.savez(target, model=np.frombuffer(described, np.uint8), x=x, y=y, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
