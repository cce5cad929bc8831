"""Groups of dependent channels in a model, and removal of such groups.

Every output channel of a layer gets a number. The numbers are propagated along the tensors. Layers
that work on each channel separately keep them, Flatten repeats them, and Concatenate joins them.
Add merges the numbers of its inputs, because all of its inputs must have the same channels.

Channels with the same number are a group, which can only be removed as a whole. These are the
dependency groups of Fang et al., "DepGraph" (CVPR 2023), computed per channel. Arrays of groups are
indexed by number. Numbers that were merged into another one stay in them, but belong to no channel.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from snugnet.compress.graph.functional import to_functional
from snugnet.models.loading.keras2 import tf_keras

# Layers without weights that compute each output channel from the same input channel.
CHANNELWISE = (
    "Activation",
    "AveragePooling2D",
    "Dropout",
    "GaussianNoise",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "LeakyReLU",
    "MaxPooling2D",
    "ReLU",
    "SpatialDropout2D",
    "ZeroPadding2D",
)
# Layers with weights that compute each output channel from the same input channel.
WEIGHTED_CHANNELWISE = ("BatchNormalization", "DepthwiseConv2D")
# Layers with a kernel (..., inputs, outputs), which produce new channels, and the name of the
# setting that is the number of outputs.
PRODUCERS = {"Conv2D": "filters", "Dense": "units"}


@dataclass(frozen=True)
class LayerChannels:
    """The groups of the input and output channels of one layer.

    Attributes:
        inputs: Group of each input channel, int (channels,).
        outputs: Group of each output channel, int (channels,).
    """

    inputs: np.ndarray
    outputs: np.ndarray


class ChannelGroups:
    """The channel groups of a model.

    Attributes:
        model: The model, as a functional one.
        layers: `LayerChannels` by name, for all layers with one input and one output.
        producers: `LayerChannels` by name, in order, for the layers that produce channels.
        frozen: Whether a group must stay, bool (numbers,).
    """

    def __init__(self, model: tf_keras.Model) -> None:
        """Find the channel groups of a model.

        Unknown layers are allowed; the groups of their input and output channels are frozen.

        Args:
            model: Sequential or functional model.
        """
        # In a copy, `layer.input` is unambiguous.
        self.model = to_functional(model)
        # Union-find structure: the parent of each number. A root is its own parent.
        self._parent: list[int] = []
        self._frozen: set[int] = set()
        numbers = self._propagate()
        root = self._list_roots()
        self.layers = {
            name: LayerChannels(root[channels.inputs], root[channels.outputs])
            for name, channels in numbers.items()
        }
        producers = [layer.name for layer in self.model.layers if type(layer).__name__ in PRODUCERS]
        self.producers = {name: self.layers[name] for name in producers}
        self.frozen = np.zeros(len(root), bool)
        self.frozen[[root[number] for number in self._frozen]] = True

    def _propagate(self) -> dict[str, LayerChannels]:
        """Number the channels of all layers, before groups are resolved to roots."""
        numbers_by_tensor: dict[int, np.ndarray] = {}
        layer_numbers: dict[str, LayerChannels] = {}
        for layer in self.model.layers:
            if isinstance(layer, tf_keras.layers.InputLayer):
                numbers = self._freeze(self._add_numbers(layer.output.shape[-1]))
                numbers_by_tensor[id(layer.output)] = numbers
                continue
            tensors = layer.input if isinstance(layer.input, list) else [layer.input]
            inputs = [numbers_by_tensor[id(tensor)] for tensor in tensors]
            outputs = self._propagate_through(layer, inputs)
            numbers_by_tensor[id(layer.output)] = outputs
            if len(inputs) == 1:
                layer_numbers[layer.name] = LayerChannels(inputs[0], outputs)
        for tensor in self.model.outputs:
            self._freeze(numbers_by_tensor[id(tensor)])
        return layer_numbers

    def _propagate_through(
        self, layer: tf_keras.layers.Layer, inputs: list[np.ndarray]
    ) -> np.ndarray:
        """Return the numbers of a layer's output channels.

        Args:
            layer: The layer.
            inputs: Numbers of the channels of each input.
        """
        kind, first = type(layer).__name__, inputs[0]
        if kind in PRODUCERS and getattr(layer, "groups", 1) == 1:
            return self._add_numbers(layer.output.shape[-1])
        if kind in CHANNELWISE:
            return first
        if kind == "BatchNormalization" and _is_last_axis(layer.axis, layer):
            return first
        if kind == "DepthwiseConv2D":
            return np.repeat(first, layer.depth_multiplier)
        if kind == "Flatten":
            return np.tile(first, layer.output.shape[-1] // len(first))
        if kind == "Add" and len({len(numbers) for numbers in inputs}) == 1:
            for numbers in inputs[1:]:
                self._merge(first, numbers)
            return first
        if kind == "Concatenate" and _is_last_axis([layer.axis], layer):
            return np.concatenate(inputs)
        for numbers in inputs:
            self._freeze(numbers)
        return self._freeze(self._add_numbers(layer.output.shape[-1]))

    def _add_numbers(self, count: int) -> np.ndarray:
        """Add new numbers, each a root, and return them."""
        start = len(self._parent)
        self._parent += range(start, start + count)
        return np.arange(start, start + count)

    def _freeze(self, numbers: np.ndarray) -> np.ndarray:
        self._frozen.update(numbers.tolist())
        return numbers

    def _find_root(self, number: int) -> int:
        while self._parent[number] != number:
            number = self._parent[number]
        return number

    def _merge(self, first: np.ndarray, second: np.ndarray) -> None:
        """Put each channel of one input in the same group as that channel of another input."""
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            self._parent[self._find_root(b)] = self._find_root(a)

    def _list_roots(self) -> np.ndarray:
        return np.array([self._find_root(number) for number in range(len(self._parent))])


def _is_last_axis(axes: Any, layer: tf_keras.layers.Layer) -> bool:
    rank = len(layer.output.shape)
    return all(axis % rank == rank - 1 for axis in axes)


def remove_channels(groups: ChannelGroups, removed: np.ndarray) -> tf_keras.Model:
    """Copy a model without some channel groups.

    Args:
        groups: The channel groups of the model.
        removed: Whether to remove a group, bool (numbers,).

    Returns:
        A functional model with the same layers, which have fewer channels.

    Raises:
        ValueError: If a frozen group is to be removed, or all channels of a layer.
    """
    if (removed & groups.frozen).any():
        raise ValueError("cannot remove channels of the input, the output or an unsupported layer")
    counts = {
        name: np.count_nonzero(~removed[channels.outputs])
        for name, channels in groups.producers.items()
    }
    for name, count in counts.items():
        if not count:
            raise ValueError(f"cannot remove every channel of layer {name!r}")
    config = groups.model.get_config()
    for layer in config["layers"]:
        if layer["name"] in counts:
            layer["config"][PRODUCERS[layer["class_name"]]] = counts[layer["name"]]
    smaller = tf_keras.Model.from_config(config)
    for layer in groups.model.layers:
        if layer.weights:
            smaller.get_layer(layer.name).set_weights(_slice_weights(groups, layer, removed))
    return smaller


def count_remaining_parameters(groups: ChannelGroups, removed: np.ndarray) -> int:
    """Count the parameters that a model has after `remove_channels`.

    Args:
        groups: The channel groups of the model.
        removed: Whether to remove a group, bool (numbers,).

    Returns:
        The number of parameters.
    """
    total = 0
    for layer in groups.model.layers:
        for weight, axes in zip(layer.weights, _list_channel_axes(groups, layer), strict=True):
            shape = list(weight.shape)
            for axis, channels in axes.items():
                shape[axis] = np.count_nonzero(~removed[channels])
            total += math.prod(shape)
    return total


def _slice_weights(
    groups: ChannelGroups, layer: tf_keras.layers.Layer, removed: np.ndarray
) -> list[np.ndarray]:
    """Return the weights of a layer for the remaining channels, in the order of the layer."""
    weights = layer.get_weights()
    for index, axes in enumerate(_list_channel_axes(groups, layer)):
        for axis, channels in axes.items():
            weights[index] = weights[index].compress(~removed[channels], axis)
    return weights


def _list_channel_axes(
    groups: ChannelGroups, layer: tf_keras.layers.Layer
) -> list[dict[int, np.ndarray]]:
    """List, for each weight of a layer, the groups of the channels along its axes, by axis."""
    kind, count = type(layer).__name__, len(layer.weights)
    if not count or kind not in (*PRODUCERS, *WEIGHTED_CHANNELWISE):
        return [{}] * count
    channels = groups.layers[layer.name]
    kernel = {-2: channels.inputs, -1: channels.outputs}
    if kind == "DepthwiseConv2D":
        kernel = {-2: channels.inputs}
    elif kind == "BatchNormalization":
        kernel = {-1: channels.outputs}
    return [kernel, *[{-1: channels.outputs}] * (count - 1)]
