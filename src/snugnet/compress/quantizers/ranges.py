"""Ranges of quantizers: which values they bound, and where those of training begin.

tensorflow-model-optimization lets every range begin at -6 to 6 and moves that of an activation by a
thousandth of the way at each batch; that of the input never shrinks. A network fine-tuned for some
hundred batches, as small data allow, would keep ranges that have little to do with its values.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from snugnet.models.loading.keras2 import tf_keras

BATCH, MOST_BATCHES = 64, 16
# Which of a wrapped layer's values each pair of variables bounds.
AFTER, BEFORE = ("output", "post_activation"), "pre_activation"
# A layer with quantizers, and which pair of its variables.
Place = tuple[Any, str]


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
    places = activations(quantized)
    found = [[_range(part) for part in parts] for parts in values(plain, places, x[chosen])]
    for place, ranges in zip(places, zip(*found, strict=True), strict=True):
        if _of_input(place):
            lows, highs = zip(*ranges, strict=True)
            set_range(place, min(lows), max(highs))
        else:
            low, high = np.mean(ranges, axis=0)
            set_range(place, float(low), float(high))
    set_kernels(quantized)


def activations(quantized: tf_keras.Model) -> list[Place]:
    """List where the ranges of the input and of activations are."""
    return [(layer, kind) for layer in quantized.layers for kind in _kinds(layer)]


def values(
    plain: tf_keras.Model, places: Sequence[Place], x: np.ndarray
) -> Iterator[list[np.ndarray]]:
    """Compute the values that ranges bound, without quantization.

    Args:
        plain: The model without quantizers.
        places: Of ranges, as `activations` lists them.
        x: Samples, (n, ...).

    Yields:
        Of each batch the values at each place, float32 (batch, ...).
    """
    probe = tf_keras.Model(plain.inputs, [_watched(plain, place) for place in places])
    for start in range(0, len(x), BATCH):
        parts = _listed(probe(x[start : start + BATCH].astype(np.float32), training=False))
        yield [
            np.asarray(_before_activation(_original(plain, place), part))
            if place[1] == BEFORE
            else np.asarray(part)
            for place, part in zip(places, parts, strict=True)
        ]


def set_range(place: Place, low: float, high: float) -> None:
    """Set the range of the input or of an activation."""
    # Where there was nothing but 0: LiteRT does not load files with ranges of no width.
    _assign(place, low, high if low < high else 1.0)


def _assign(place: Place, low: Any, high: Any) -> None:
    """Set a range: of all, or (channels,) where there is one a channel."""
    layer, kind = place
    weights = _weights(layer)
    weights[f"{kind}_min"].assign(low)
    weights[f"{kind}_max"].assign(high)


def set_kernels(quantized: tf_keras.Model) -> None:
    """Set the range of each kernel, of all or one a channel, which lie last: symmetric about 0."""
    for layer in quantized.layers:
        weights = _weights(layer)
        for kind in ("kernel", "depthwise_kernel"):
            if f"{kind}_max" in weights:
                kernel = np.abs(weights[kind].numpy())
                axes = tuple(range(kernel.ndim - weights[f"{kind}_max"].shape.rank))
                _assign((layer, kind), -kernel.max(axis=axes), kernel.max(axis=axes))


def _kinds(layer: Any) -> Iterable[str]:
    """Name a layer's pairs of variables, less a kernel's; the input's bears the layer's name."""
    return [kind for kind in (layer.name, *AFTER, BEFORE) if f"{kind}_min" in _weights(layer)]


def _of_input(place: Place) -> bool:
    return type(place[0]).__name__ == "QuantizeLayer"


def _weights(layer: Any) -> dict[str, Any]:
    """Give a wrapper's variables by their own names, without the layer's."""
    return {weight.name.split("/")[-1].removesuffix(":0"): weight for weight in layer.weights}


def _original(plain: tf_keras.Model, place: Place) -> Any:
    return plain.get_layer(place[0].layer.name)


def _watched(plain: tf_keras.Model, place: Place) -> Any:
    """Give the tensor of a place's values, or what they are computed from."""
    if _of_input(place):
        return plain.inputs[0]
    original = _original(plain, place)
    return original.input if place[1] == BEFORE else original.output


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _before_activation(layer: Any, value: Any) -> Any:
    """Compute what a layer makes of its input, less its activation."""
    activation, layer.activation = layer.activation, tf_keras.activations.linear
    try:
        return layer(value, training=False)
    finally:
        layer.activation = activation


def _range(part: np.ndarray) -> tuple[float, float]:
    return min(0.0, float(part.min())), max(0.0, float(part.max()))
