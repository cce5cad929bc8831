"""The form in which models are compressed: functional, two-dimensional, of plain layers.

tensorflow-model-optimization refuses Conv1D (its issue 362), and pruning and factorization need
not know every layer twice: a signal (time, channels) is an image (1, time, channels), which is how
TFLite computes it anyway. A separable convolution is a depthwise one and a 1x1 one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from snugnet.compress.graph.functional import Chain, functional, replace
from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras

layers = tf_keras.layers
# What treats every position alike, whatever the rank.
SAME = (
    *("Activation", "Add", "Dense", "Dropout", "Flatten", "GaussianNoise", "LeakyReLU"),
    *("Multiply", "ReLU", "Rescaling"),
)


def standard(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a model into standard form; its inputs, outputs and layers' names stay.

    Returns:
        A functional model that computes the same.

    Raises:
        InputError: If a layer on (time, channels) has no equal on (1, time, channels).
    """
    model = functional(model)
    separable = [layer for layer in model.layers if type(layer) is layers.SeparableConv2D]
    if separable:
        model = replace(model, {layer.name: _split(layer) for layer in separable})
    # A model that has this form already keeps it, though its input may still have no height.
    return _planar(model) if any(map(_is_one_dimensional, model.layers)) else model


def _is_one_dimensional(layer: Any) -> bool:
    return type(layer).__name__.endswith("1D")


def _split(layer: Any) -> Chain:
    depthwise, pointwise, *bias = layer.get_weights()
    first = layers.DepthwiseConv2D(
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        depth_multiplier=layer.depth_multiplier,
        dilation_rate=layer.dilation_rate,
        use_bias=False,
    )
    second = layers.Conv2D(layer.filters, 1, activation=layer.activation, use_bias=layer.use_bias)
    return Chain([first, second], [[depthwise], [pointwise, *bias]])


def _planar(model: tf_keras.Model) -> tf_keras.Model:
    """Rebuild a model with (1, time, channels) wherever it had (time, channels)."""
    known: dict[int, Any] = {}
    weights: list[tuple[Any, list[np.ndarray]]] = []
    inputs = []
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            tensor = layers.Input(layer.output.shape[1:], name=layer.name)
            inputs.append(tensor)
            if len(tensor.shape) == 3:
                tensor = layers.Reshape((1, *tensor.shape[1:]), name=f"{layer.name}_2d")(tensor)
            known[id(layer.output)] = tensor
            continue
        before = layer.input if isinstance(layer.input, list) else [layer.input]
        tensor = [known[id(t)] for t in before]
        tensor = tensor if len(tensor) > 1 else tensor[0]
        for link, values in _counterparts(layer, len(before[0].shape)):
            tensor = link(tensor)
            weights.append((link, values))
        known[id(layer.output)] = tensor
    outputs = [_as_before(known[id(tensor)], tensor) for tensor in model.outputs]
    copy = tf_keras.Model(inputs, outputs, name=model.name)
    for link, values in weights:
        link.set_weights(values)
    return copy


def _as_before(tensor: Any, original: Any) -> Any:
    if len(original.shape) == 3:
        return layers.Reshape(tuple(original.shape[1:]))(tensor)
    return tensor


def _counterparts(layer: Any, rank: int) -> "Links":
    """Make the layers that stand for one, with their weights."""
    kind = type(layer).__name__
    if kind == "Reshape" and len(layer.output.shape) == 3:
        return [(layers.Reshape((1, *layer.target_shape), name=layer.name), [])]
    if kind in SAME or (rank != 3 and len(layer.output.shape) != 3):
        return [(type(layer).from_config(layer.get_config()), layer.get_weights())]
    if kind in CONVOLUTIONS:
        return _after_the_past(layer, CONVOLUTIONS[kind](layer))
    if kind not in ONE_DIMENSIONAL:
        allowed = ", ".join(sorted({*SAME, *CONVOLUTIONS, *ONE_DIMENSIONAL}))
        raise InputError(
            f"layer {layer.name!r}: {kind} with (time, channels) inputs or outputs cannot be "
            f"compressed; supported: {allowed}"
        )
    return [(ONE_DIMENSIONAL[kind](layer), layer.get_weights())]


Links = list[tuple[Any, list[np.ndarray]]]


def _convolution(layer: Any) -> Links:
    kernel, *bias = layer.get_weights()
    link = layers.Conv2D(
        layer.filters,
        (1, *layer.kernel_size),
        strides=(1, *layer.strides),
        padding=_padding(layer),
        dilation_rate=(1, *layer.dilation_rate),
        groups=layer.groups,
        activation=layer.activation,
        use_bias=layer.use_bias,
        name=layer.name,
    )
    return [(link, [kernel[np.newaxis], *bias])]


def _depthwise(layer: Any) -> Links:
    kernel, *bias = layer.get_weights()
    settings = {"activation": layer.activation, "use_bias": layer.use_bias, "name": layer.name}
    return [(_one_by_one(layer, settings), [kernel[np.newaxis], *bias])]


def _separable(layer: Any) -> Links:
    depthwise, pointwise, *bias = layer.get_weights()
    first = _one_by_one(layer, {"use_bias": False, "name": f"{layer.name}_1"})
    second = layers.Conv2D(
        layer.filters, 1, activation=layer.activation, use_bias=layer.use_bias, name=layer.name
    )
    return [(first, [depthwise[np.newaxis]]), (second, [pointwise[np.newaxis], *bias])]


def _one_by_one(layer: Any, settings: dict[str, Any]) -> Any:
    """Make the two-dimensional form of a convolution of each channel by itself."""
    return layers.DepthwiseConv2D(
        (1, *layer.kernel_size),
        # TensorFlow wants both alike; of a height of 1 any stride leaves 1.
        strides=layer.strides * 2,
        padding=_padding(layer),
        dilation_rate=(1, *layer.dilation_rate),
        depth_multiplier=layer.depth_multiplier,
        **settings,
    )


CONVOLUTIONS: dict[str, Callable[[Any], Links]] = {
    "Conv1D": _convolution,
    "DepthwiseConv1D": _depthwise,
    "SeparableConv1D": _separable,
}


def _padding(layer: Any) -> str:
    return "valid" if layer.padding == "causal" else str(layer.padding)


def _after_the_past(layer: Any, links: Links) -> Links:
    """Put the zeros before a causal convolution that keep it from seeing what comes."""
    if layer.padding != "causal":
        return links
    before = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
    padding = layers.ZeroPadding2D(((0, 0), (before, 0)), name=f"{layer.name}_padding")
    return [(padding, []), *links]


def _pool(kind: Any) -> Callable[[Any], Any]:
    return lambda layer: kind(
        (1, *layer.pool_size), (1, *layer.strides), padding=layer.padding, name=layer.name
    )


def _global_pool(kind: Any) -> Callable[[Any], Any]:
    def of(layer: Any) -> Any:
        if layer.keepdims:
            raise InputError(
                f"layer {layer.name!r}: keepdims=True cannot be compressed; set keepdims=False"
            )
        return kind(name=layer.name)

    return of


def _along_an_axis(layer: Any) -> Any:
    """Copy a layer that works along an axis; counted from the front it is the next one."""
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    axis = axis if axis < 0 else axis + 1
    return type(layer).from_config({**layer.get_config(), "axis": axis})


def _permute(layer: Any) -> Any:
    return layers.Permute((1, *(dim + 1 for dim in layer.dims)), name=layer.name)


def _reshape(layer: Any) -> Any:
    return layers.Reshape(layer.target_shape, name=layer.name)


# How each layer on (time, channels) is written on (1, time, channels).
ONE_DIMENSIONAL: dict[str, Callable[[Any], Any]] = {
    "AveragePooling1D": _pool(layers.AveragePooling2D),
    "BatchNormalization": _along_an_axis,
    "Concatenate": _along_an_axis,
    "GlobalAveragePooling1D": _global_pool(layers.GlobalAveragePooling2D),
    "GlobalMaxPooling1D": _global_pool(layers.GlobalMaxPooling2D),
    "MaxPooling1D": _pool(layers.MaxPooling2D),
    "Permute": _permute,
    "Reshape": _reshape,
    "Softmax": _along_an_axis,
    "SpatialDropout1D": lambda layer: layers.SpatialDropout2D(layer.rate, name=layer.name),
    "ZeroPadding1D": lambda layer: layers.ZeroPadding2D(
        ((0, 0), tuple(layer.padding)), name=layer.name
    ),
}
