"""Where the ranges of quantizers begin.

tensorflow-model-optimization lets every range begin at -6 to 6 and moves that of an activation by a
thousandth of the way at each batch; that of the input never shrinks. A network fine-tuned for some
hundred batches, as small data allow, would keep ranges that have little to do with its values.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from snugnet.models.keras2 import tf_keras

BATCH, MOST_BATCHES = 64, 16
# Which of a wrapped layer's values each pair of variables bounds.
AFTER, BEFORE = ("output", "post_activation"), "pre_activation"


def begin_ranges(
    quantized: tf_keras.Model, plain: tf_keras.Model, x: np.ndarray, seed: int
) -> None:
    """Set the ranges of activations, and of the input, to what is seen in train batches.

    The range of an activation is the mean of the batches' ranges, to which its moving average
    tends; that of the input covers all values. Both hold 0, as TFLite wants it. Those of kernels
    are set to the kernels' own, as the first batch would.

    Args:
        quantized: A model with quantizers that was made from `plain`.
        plain: The model without them.
        x: Train samples.
        seed: Seed of the choice of samples.
    """
    chosen = np.random.default_rng([seed, len(x)]).permutation(len(x))[: BATCH * MOST_BATCHES]
    x = x[chosen].astype(np.float32)
    watched = [(layer, kind) for layer in quantized.layers for kind in _kinds(layer)]
    originals = [plain.get_layer(layer.layer.name) for layer, _ in watched]
    probe = tf_keras.Model(
        plain.inputs,
        [
            original.input if kind == BEFORE else original.output
            for original, (_, kind) in zip(originals, watched, strict=True)
        ],
    )
    ranges: list[list[tuple[float, float]]] = [[] for _ in watched]
    for start in range(0, len(x), BATCH):
        values = _listed(probe(x[start : start + BATCH], training=False))
        for i, (original, (_, kind)) in enumerate(zip(originals, watched, strict=True)):
            value = _before_activation(original, values[i]) if kind == BEFORE else values[i]
            ranges[i].append(_range(value))
    for (layer, kind), found in zip(watched, ranges, strict=True):
        low, high = np.mean(found, axis=0)
        _set(layer, kind, float(low), float(high))
    for layer in quantized.layers:
        if type(layer).__name__ == "QuantizeLayer":
            _set(layer, layer.name, *_range(x))
        _set_kernel(layer)


def _kinds(layer: Any) -> Iterable[str]:
    """Name a wrapper's pairs of variables, less the kernel's."""
    return [kind for kind in (*AFTER, BEFORE) if f"{kind}_min" in _weights(layer)]


def _weights(layer: Any) -> dict[str, Any]:
    """Give a wrapper's variables by their own names, without the layer's."""
    return {weight.name.split("/")[-1].removesuffix(":0"): weight for weight in layer.weights}


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _before_activation(layer: Any, value: Any) -> Any:
    """Compute what a layer makes of its input, less its activation."""
    activation, layer.activation = layer.activation, tf_keras.activations.linear
    try:
        return layer(value, training=False)
    finally:
        layer.activation = activation


def _range(values: Any) -> tuple[float, float]:
    values = np.asarray(values)
    return min(0.0, float(values.min())), max(0.0, float(values.max()))


def _set(layer: Any, kind: str, low: Any, high: Any) -> None:
    weights = _weights(layer)
    weights[f"{kind}_min"].assign(low)
    weights[f"{kind}_max"].assign(high)


def _set_kernel(layer: Any) -> None:
    """Set a kernel's range, of all or one a channel, which lie last: symmetric about 0."""
    weights = _weights(layer)
    for kind in ("kernel", "depthwise_kernel"):
        if f"{kind}_max" in weights:
            kernel = np.abs(weights[kind].numpy())
            axes = tuple(range(kernel.ndim - weights[f"{kind}_max"].shape.rank))
            _set(layer, kind, -kernel.max(axis=axes), kernel.max(axis=axes))
