"""Small networks that lose accuracy in int8 at a known layer."""

from collections.abc import Collection
from typing import Any

import numpy as np

from snugnet.core.samples import Samples

INPUTS, CLASSES = 8, 4


def dense(keras: Any, *widths: int, seed: int = 0) -> Any:
    """A network of dense layers `dense_1`, `dense_2`, ..., all but the last with ReLU."""
    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential([layers.InputLayer((INPUTS,))], name="net")
    for i, width in enumerate(widths, 1):
        last = i == len(widths)
        activation = "softmax" if last else "relu"
        model.add(layers.Dense(width, activation=activation, name=f"dense_{i}"))
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        kernel, bias = layer.get_weights()
        scale = np.sqrt(2 / len(kernel))
        layer.set_weights([rng.normal(0, scale, kernel.shape), rng.normal(0, 0.1, bias.shape)])
    return model


def enlarge_first_channel(model: Any, name: str, factor: float = 1000.0) -> None:
    """Make the first output channel of a layer huge, and let the next layer ignore it."""
    places = [layer.name for layer in model.layers]
    layer, after = model.get_layer(name), model.layers[places.index(name) + 1]
    kernel, bias = layer.get_weights()
    kernel[:, 0], bias[0] = np.abs(kernel[:, 0]) * factor, factor
    layer.set_weights([kernel, bias])
    ignore_first(after)


def ignore_first(layer: Any) -> None:
    kernel, bias = layer.get_weights()
    kernel[0] = 0
    layer.set_weights([kernel, bias])


def inputs(n: int, seed: int, wide: bool = False) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, INPUTS)).astype(np.float32)
    if wide:
        x[:, 0] *= 200
    return x


def label_with_model(model: Any, x: np.ndarray) -> Samples:
    """Samples whose truth is what the float model decides: it is right in all of them."""
    y = model.predict(x, verbose=0).argmax(axis=1)
    return Samples(x, y, tuple("abcd"), "multiclass", np.arange(len(x)) // 10)


def tensors(rows: Collection[dict[str, Any]]) -> list[str]:
    """The layers of rows, by the names that they have in Keras."""
    return [row["tensor"].split("/")[1] if "/" in row["tensor"] else "softmax" for row in rows]
