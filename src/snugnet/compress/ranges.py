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
    tensors = [tensor for layer, _ in watched for tensor in _inputs(plain.get_layer(_name(layer)))]
    probe = tf_keras.Model(plain.inputs, tensors)
    ranges: list[list[tuple[float, float]]] = [[] for _ in watched]
    for start in range(0, len(x), BATCH):
        values = iter(_listed(probe(x[start : start + BATCH], training=False)))
        for found, (layer, kind) in zip(ranges, watched, strict=True):
            original = plain.get_layer(_name(layer))
            given = [next(values) for _ in _inputs(original)]
            found.append(_range(_value(original, given, kind)))
    for (layer, kind), found in zip(watched, ranges, strict=True):
        low, high = np.mean(found, axis=0)
        _set(layer, kind, float(low), float(high))
    for layer in quantized.layers:
        if type(layer).__name__ == "QuantizeLayer":
            _set(layer, layer.name, *_range(x))
        _set_kernel(layer)


def _kinds(layer: Any) -> Iterable[str]:
    """Name a wrapper's pairs of variables, less the kernel's."""
    names = {weight.name.split("/")[-1] for weight in layer.weights}
    return [kind for kind in (*AFTER, BEFORE) if f"{kind}_min:0" in names]


def _name(wrapper: Any) -> str:
    name: str = wrapper.layer.name
    return name


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _inputs(layer: Any) -> list[Any]:
    return _listed(layer.input)


def _value(layer: Any, given: list[Any], kind: str) -> Any:
    """Compute what a layer gives, without its activation if the range lies before that."""
    arguments = given if len(given) > 1 else given[0]
    if kind != BEFORE:
        return layer(arguments, training=False)
    activation, layer.activation = layer.activation, tf_keras.activations.linear
    try:
        return layer(arguments, training=False)
    finally:
        layer.activation = activation


def _range(values: Any) -> tuple[float, float]:
    values = np.asarray(values)
    return min(0.0, float(values.min())), max(0.0, float(values.max()))


def _set(layer: Any, kind: str, low: Any, high: Any) -> None:
    ends = {f"{kind}_min:0": low, f"{kind}_max:0": high}
    for weight in layer.weights:
        name = weight.name.split("/")[-1]
        if name in ends:
            weight.assign(ends[name])


def _set_kernel(layer: Any) -> None:
    """Set a kernel's range, of all or one a channel, which lie last: symmetric about 0."""
    held = {weight.name.split("/")[-1]: weight for weight in layer.weights}
    for kind in ("kernel", "depthwise_kernel"):
        if f"{kind}_max:0" in held:
            kernel = np.abs(held[f"{kind}:0"].numpy())
            axes = tuple(range(kernel.ndim - held[f"{kind}_max:0"].shape.rank))
            _set(layer, kind, -kernel.max(axis=axes), kernel.max(axis=axes))
