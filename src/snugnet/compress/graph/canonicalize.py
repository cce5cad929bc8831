"""Canonical form of models for compression: functional, two-dimensional, with basic layers only.

tensorflow-model-optimization rejects Conv1D (its issue 362). Pruning and factorization also become
simpler if each layer exists in one form only. Therefore a signal (time, channels) becomes an image
(1, time, channels), which is how TFLite computes it as well. A separable convolution becomes a
depthwise convolution and a 1x1 convolution.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from snugnet.compress.graph.functional import Chain, replace_layers, to_functional
from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras

layers = tf_keras.layers
# Layers that work in the same way on inputs of any rank.
RANK_INDEPENDENT = (
    "Activation",
    "Add",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "LeakyReLU",
    "Multiply",
    "ReLU",
    "Rescaling",
)
# Layers, each with its weights.
WeightedLayers = list[tuple[Any, list[np.ndarray]]]


def canonicalize(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a model into canonical form; the names of its inputs, outputs and layers stay.

    Args:
        model: Sequential or functional model with weights.

    Returns:
        A functional model with the same outputs.

    Raises:
        InputError: If a layer on (time, channels) has no equivalent on (1, time, channels).
    """
    model = to_functional(model)
    separable = [layer for layer in model.layers if type(layer) is layers.SeparableConv2D]
    if separable:
        model = replace_layers(model, {layer.name: _split_separable(layer) for layer in separable})
    # A model without one-dimensional layers stays as it is, even if its input has no height.
    if not any(map(_is_one_dimensional, model.layers)):
        return model
    return _convert_to_2d(model)


def _is_one_dimensional(layer: Any) -> bool:
    return type(layer).__name__.endswith("1D")


def _split_separable(layer: Any) -> Chain:
    """Split a SeparableConv2D into a depthwise and a 1x1 convolution."""
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


def _convert_to_2d(model: tf_keras.Model) -> tf_keras.Model:
    """Rebuild a model with (1, time, channels) wherever it has (time, channels)."""
    new_tensors: dict[int, Any] = {}
    weights: WeightedLayers = []
    inputs = []
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            tensor = layers.Input(layer.output.shape[1:], name=layer.name)
            inputs.append(tensor)
            if len(tensor.shape) == 3:
                tensor = layers.Reshape((1, *tensor.shape[1:]), name=f"{layer.name}_2d")(tensor)
            new_tensors[id(layer.output)] = tensor
            continue
        old_inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        tensor = [new_tensors[id(old)] for old in old_inputs]
        tensor = tensor if len(tensor) > 1 else tensor[0]
        for new_layer, values in _convert_layer(layer, len(old_inputs[0].shape)):
            tensor = new_layer(tensor)
            weights.append((new_layer, values))
        new_tensors[id(layer.output)] = tensor
    outputs = [_restore_shape(new_tensors[id(tensor)], tensor) for tensor in model.outputs]
    copy = tf_keras.Model(inputs, outputs, name=model.name)
    for new_layer, values in weights:
        new_layer.set_weights(values)
    return copy


def _restore_shape(tensor: Any, original: Any) -> Any:
    if len(original.shape) == 3:
        return layers.Reshape(tuple(original.shape[1:]))(tensor)
    return tensor


def _convert_layer(layer: Any, rank: int) -> WeightedLayers:
    """Make the two-dimensional layers that replace a layer.

    Args:
        layer: The layer.
        rank: Rank of its first input, including the batch.

    Returns:
        The layers in order, each with its weights.

    Raises:
        InputError: If the layer has no two-dimensional equivalent.
    """
    kind = type(layer).__name__
    if kind == "Reshape" and len(layer.output.shape) == 3:
        return [(layers.Reshape((1, *layer.target_shape), name=layer.name), [])]
    if kind in RANK_INDEPENDENT or (rank != 3 and len(layer.output.shape) != 3):
        return [(type(layer).from_config(layer.get_config()), layer.get_weights())]
    if kind in CONVOLUTIONS:
        return _add_causal_padding(layer, CONVOLUTIONS[kind](layer))
    if kind not in ONE_DIMENSIONAL:
        allowed = ", ".join(sorted({*RANK_INDEPENDENT, *CONVOLUTIONS, *ONE_DIMENSIONAL}))
        raise InputError(
            f"layer {layer.name!r}: {kind} with (time, channels) inputs or outputs cannot be "
            f"compressed; supported: {allowed}"
        )
    return [(ONE_DIMENSIONAL[kind](layer), layer.get_weights())]


def _convert_convolution(layer: Any) -> WeightedLayers:
    kernel, *bias = layer.get_weights()
    convolution = layers.Conv2D(
        layer.filters,
        (1, *layer.kernel_size),
        strides=(1, *layer.strides),
        padding=_get_padding(layer),
        dilation_rate=(1, *layer.dilation_rate),
        groups=layer.groups,
        activation=layer.activation,
        use_bias=layer.use_bias,
        name=layer.name,
    )
    return [(convolution, [kernel[np.newaxis], *bias])]


def _convert_depthwise(layer: Any) -> WeightedLayers:
    kernel, *bias = layer.get_weights()
    settings = {"activation": layer.activation, "use_bias": layer.use_bias, "name": layer.name}
    return [(_make_depthwise(layer, settings), [kernel[np.newaxis], *bias])]


def _convert_separable(layer: Any) -> WeightedLayers:
    depthwise, pointwise, *bias = layer.get_weights()
    first = _make_depthwise(layer, {"use_bias": False, "name": f"{layer.name}_1"})
    second = layers.Conv2D(
        layer.filters, 1, activation=layer.activation, use_bias=layer.use_bias, name=layer.name
    )
    return [(first, [depthwise[np.newaxis]]), (second, [pointwise[np.newaxis], *bias])]


def _convert_transposed(layer: Any) -> WeightedLayers:
    kernel, *bias = layer.get_weights()
    extra = layer.output_padding
    transposed = layers.Conv2DTranspose(
        layer.filters,
        (1, *layer.kernel_size),
        strides=(1, *layer.strides),
        padding=layer.padding,
        output_padding=None if extra is None else (0, *extra),
        dilation_rate=(1, *layer.dilation_rate),
        activation=layer.activation,
        use_bias=layer.use_bias,
        name=layer.name,
    )
    return [(transposed, [kernel[np.newaxis], *bias])]


def _make_depthwise(layer: Any, settings: dict[str, Any]) -> Any:
    """Make the DepthwiseConv2D that replaces the depthwise part of a one-dimensional layer."""
    return layers.DepthwiseConv2D(
        (1, *layer.kernel_size),
        # TensorFlow requires equal strides in both dimensions. A height of 1 stays 1 in any case.
        strides=layer.strides * 2,
        padding=_get_padding(layer),
        dilation_rate=(1, *layer.dilation_rate),
        depth_multiplier=layer.depth_multiplier,
        **settings,
    )


# Convolutions on (time, channels), each with the function that converts it.
CONVOLUTIONS: dict[str, Callable[[Any], WeightedLayers]] = {
    "Conv1D": _convert_convolution,
    "Conv1DTranspose": _convert_transposed,
    "DepthwiseConv1D": _convert_depthwise,
    "SeparableConv1D": _convert_separable,
}


def _get_padding(layer: Any) -> str:
    return "valid" if layer.padding == "causal" else str(layer.padding)


def _add_causal_padding(layer: Any, converted: WeightedLayers) -> WeightedLayers:
    """Put ZeroPadding2D before a causal convolution, so that it reads no later time steps."""
    if layer.padding != "causal":
        return converted
    steps = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
    padding = layers.ZeroPadding2D(((0, 0), (steps, 0)), name=f"{layer.name}_padding")
    return [(padding, []), *converted]


def _make_pool_converter(pool_class: Any) -> Callable[[Any], Any]:
    return lambda layer: pool_class(
        (1, *layer.pool_size), (1, *layer.strides), padding=layer.padding, name=layer.name
    )


def _make_global_pool_converter(pool_class: Any) -> Callable[[Any], Any]:
    def convert(layer: Any) -> Any:
        if layer.keepdims:
            raise InputError(
                f"layer {layer.name!r}: keepdims=True cannot be compressed; set keepdims=False"
            )
        return pool_class(name=layer.name)

    return convert


def _shift_axis(layer: Any) -> Any:
    """Copy a layer that works along an axis; an axis counted from the front increases by one."""
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    axis = axis if axis < 0 else axis + 1
    return type(layer).from_config({**layer.get_config(), "axis": axis})


def _convert_permute(layer: Any) -> Any:
    return layers.Permute((1, *(dim + 1 for dim in layer.dims)), name=layer.name)


def _convert_reshape(layer: Any) -> Any:
    return layers.Reshape(layer.target_shape, name=layer.name)


# Other layers on (time, channels), each with the function that makes its equivalent on
# (1, time, channels). The weights stay the same.
ONE_DIMENSIONAL: dict[str, Callable[[Any], Any]] = {
    "AveragePooling1D": _make_pool_converter(layers.AveragePooling2D),
    "BatchNormalization": _shift_axis,
    "Concatenate": _shift_axis,
    "Cropping1D": lambda layer: layers.Cropping2D(((0, 0), tuple(layer.cropping)), name=layer.name),
    "GlobalAveragePooling1D": _make_global_pool_converter(layers.GlobalAveragePooling2D),
    "GlobalMaxPooling1D": _make_global_pool_converter(layers.GlobalMaxPooling2D),
    "MaxPooling1D": _make_pool_converter(layers.MaxPooling2D),
    "Permute": _convert_permute,
    "Reshape": _convert_reshape,
    "Softmax": _shift_axis,
    "SpatialDropout1D": lambda layer: layers.SpatialDropout2D(layer.rate, name=layer.name),
    "UpSampling1D": lambda layer: layers.UpSampling2D((1, layer.size), name=layer.name),
    "ZeroPadding1D": lambda layer: layers.ZeroPadding2D(
        ((0, 0), tuple(layer.padding)), name=layer.name
    ),
}
