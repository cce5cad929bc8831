"""Ranges of the quantizers in a model: initialization for QAT, and the values that they bound.

tensorflow-model-optimization initializes every range to -6..6. At each batch it moves the range of
an activation by a thousandth of the difference; the range of the input never shrinks. With small
data, a model is fine-tuned for a few hundred batches only. Its ranges would then still be far from
its values.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from snugnet.core.inputs import to_keras
from snugnet.models.loading.keras2 import tf_keras

BATCH_SIZE, MAX_BATCHES = 64, 16
# Names of the ranges of a wrapped layer: of its output, or of the values before its activation.
OUTPUT_RANGES = ("output", "post_activation")
PRE_ACTIVATION = "pre_activation"
# Identifies the range of an activation or of the input: a layer with quantizers, and the name of
# the range. The variables of the range are this name with `_min` and `_max` appended.
RangeId = tuple[Any, str]


def initialize_ranges(
    quantized: tf_keras.Model, plain: tf_keras.Model, x: np.ndarray, seed: int
) -> None:
    """Initialize the ranges of activations and of the input from training batches.

    The range of an activation is the mean of the ranges of the batches, to which its moving average
    converges. The range of the input covers all values. Both contain 0, as TFLite requires. The
    ranges of kernels are those of their weights, as after the first batch of training.

    Args:
        quantized: The model with quantizers that was made from `plain`; changed in place.
        plain: The model without quantizers.
        x: Train samples, (n, ...).
        seed: Seed for the selection of samples.
    """
    order = np.random.default_rng([seed, len(x)]).permutation(len(x))
    selected = x[order[: BATCH_SIZE * MAX_BATCHES]]
    range_ids = list_range_ids(quantized)
    batches = [
        [_compute_range(values) for values in batch]
        for batch in iterate_values(plain, range_ids, selected)
    ]
    for range_id, ranges in zip(range_ids, zip(*batches, strict=True), strict=True):
        if _is_input(range_id):
            lows, highs = zip(*ranges, strict=True)
            set_range(range_id, min(lows), max(highs))
        else:
            low, high = np.mean(ranges, axis=0)
            set_range(range_id, float(low), float(high))
    set_kernel_ranges(quantized)


def list_range_ids(quantized: tf_keras.Model) -> list[RangeId]:
    """List the ranges of the input and of activations.

    Args:
        quantized: A model with quantizers.

    Returns:
        Their identifiers, in the order of the layers.
    """
    return [(layer, name) for layer in quantized.layers for name in _list_range_names(layer)]


def iterate_values(
    plain: tf_keras.Model, range_ids: Sequence[RangeId], x: np.ndarray
) -> Iterator[list[np.ndarray]]:
    """Compute the values that ranges bound, in the model without quantizers.

    Args:
        plain: The model without quantizers.
        range_ids: Identifiers that `list_range_ids` returned.
        x: Samples, (n, ...).

    Yields:
        For each batch the values of each range, float32 (batch, ...).
    """
    probe = tf_keras.Model(plain.inputs, [_get_tensor(plain, range_id) for range_id in range_ids])
    for start in range(0, len(x), BATCH_SIZE):
        batch = to_keras(x[start : start + BATCH_SIZE])
        tensors = _to_list(probe(batch, training=False))
        values = []
        for range_id, tensor in zip(range_ids, tensors, strict=True):
            if range_id[1] == PRE_ACTIVATION:
                tensor = _compute_without_activation(_get_original(plain, range_id), tensor)
            values.append(np.asarray(tensor))
        yield values


def set_range(range_id: RangeId, low: float, high: float) -> None:
    """Set the range of the input or of an activation.

    Args:
        range_id: Its identifier.
        low: The lower end, at most 0.
        high: The upper end, at least 0.
    """
    # If all values are 0, the upper end is 1: LiteRT does not load files with empty ranges.
    _assign(range_id, low, high if low < high else 1.0)


def _assign(range_id: RangeId, low: Any, high: Any) -> None:
    """Assign the variables of a range: numbers, or (channels,) for a per-channel range."""
    layer, name = range_id
    weights = _get_weights(layer)
    weights[f"{name}_min"].assign(low)
    weights[f"{name}_max"].assign(high)


def set_kernel_ranges(quantized: tf_keras.Model) -> None:
    """Set the range of each kernel, per tensor or per channel, symmetric about 0.

    The channels of a per-channel range are the last dimension of the kernel.

    Args:
        quantized: A model with quantizers; changed in place.
    """
    for layer in quantized.layers:
        weights = _get_weights(layer)
        for name in ("kernel", "depthwise_kernel"):
            if f"{name}_max" in weights:
                kernel = np.abs(weights[name].numpy())
                axes = tuple(range(kernel.ndim - weights[f"{name}_max"].shape.rank))
                _assign((layer, name), -kernel.max(axis=axes), kernel.max(axis=axes))


def _list_range_names(layer: Any) -> list[str]:
    """List the ranges of a layer without those of kernels; the range of the input has its name."""
    names = (layer.name, *OUTPUT_RANGES, PRE_ACTIVATION)
    return [name for name in names if f"{name}_min" in _get_weights(layer)]


def _is_input(range_id: RangeId) -> bool:
    return type(range_id[0]).__name__ == "QuantizeLayer"


def _get_weights(layer: Any) -> dict[str, Any]:
    """Return the variables of a layer by name, without the prefix of the layer."""
    return {weight.name.split("/")[-1].removesuffix(":0"): weight for weight in layer.weights}


def _get_original(plain: tf_keras.Model, range_id: RangeId) -> Any:
    """Return the layer without quantizers that a wrapped layer was made from."""
    return plain.get_layer(range_id[0].layer.name)


def _get_tensor(plain: tf_keras.Model, range_id: RangeId) -> Any:
    """Return the tensor that a range bounds, or for `PRE_ACTIVATION` the input of the layer."""
    if _is_input(range_id):
        return _get_quantized_input(plain, range_id[0])
    original = _get_original(plain, range_id)
    return original.input if range_id[1] == PRE_ACTIVATION else original.output


def _get_quantized_input(plain: tf_keras.Model, quantizer: Any) -> Any:
    """Return the input that the first quantizer of a model reads."""
    if len(plain.inputs) == 1:
        return plain.inputs[0]
    return plain.get_layer(quantizer.inbound_nodes[0].inbound_layers.name).output


def _to_list(outputs: Any) -> list[Any]:
    return outputs if isinstance(outputs, list) else [outputs]


def _compute_without_activation(layer: Any, value: Any) -> Any:
    """Compute the output of a layer without its activation."""
    activation, layer.activation = layer.activation, tf_keras.activations.linear
    try:
        return layer(value, training=False)
    finally:
        layer.activation = activation


def _compute_range(values: np.ndarray) -> tuple[float, float]:
    return min(0.0, float(values.min())), max(0.0, float(values.max()))
