"""Which channels of a network stand or fall together, and the network without some of them.

Every channel that a layer makes gets a number of its own. Numbers travel with the tensors: through
layers that treat channels one by one they stay, Flatten repeats them, Concatenate joins them, and
Add, which needs both sides to agree, makes them one. What shares a number is a group: it can be
removed only as a whole (the dependency groups of Fang et al., "DepGraph", CVPR 2023, computed per
channel).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from snugnet.compress.graph.functional import functional
from snugnet.models.loading.keras2 import tf_keras

# Layers that map each channel to itself, without weights.
ONE_BY_ONE = (
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
# Layers whose kernel is (..., inputs, outputs) and makes new channels, by the setting of how many.
MAKERS = {"Conv2D": "filters", "Dense": "units"}
# Layers that map each channel to itself, with weights.
CARRIERS = ("BatchNormalization", "DepthwiseConv2D")


@dataclass(frozen=True)
class Use:
    """The channels of one layer: their numbers at its input and at its output, (channels,)."""

    inputs: np.ndarray
    outputs: np.ndarray


class Channels:
    """The channels of a model.

    Attributes:
        model: The model, as a functional one.
        uses: Numbers of the channels by layer name, for layers that have one input and one output.
        makers: Those of the layers that make channels, in order.
        frozen: Which groups must stay, (channels,) of bool, by number.
    """

    def __init__(self, model: tf_keras.Model) -> None:
        """Follow the channels of a Sequential or functional model.

        Layers that it does not know are allowed; what goes into and comes out of them must stay.
        """
        # A copy of its own: `layer.input` is then unambiguous.
        self.model = functional(model)
        self._parent: list[int] = []
        self._frozen: set[int] = set()
        uses = self._follow()
        root = self._roots()
        self.uses = {name: Use(root[use.inputs], root[use.outputs]) for name, use in uses.items()}
        makers = [layer.name for layer in self.model.layers if type(layer).__name__ in MAKERS]
        self.makers = {name: self.uses[name] for name in makers}
        self.frozen = np.zeros(len(root), bool)
        self.frozen[[root[number] for number in self._frozen]] = True

    def _follow(self) -> dict[str, Use]:
        known: dict[int, np.ndarray] = {}
        uses: dict[str, Use] = {}
        for layer in self.model.layers:
            if isinstance(layer, tf_keras.layers.InputLayer):
                known[id(layer.output)] = self._freeze(self._new(layer.output.shape[-1]))
                continue
            tensors = layer.input if isinstance(layer.input, list) else [layer.input]
            inputs = [known[id(tensor)] for tensor in tensors]
            outputs = self._through(layer, inputs)
            known[id(layer.output)] = outputs
            if len(inputs) == 1:
                uses[layer.name] = Use(inputs[0], outputs)
        for tensor in self.model.outputs:
            self._freeze(known[id(tensor)])
        return uses

    def _through(self, layer: tf_keras.layers.Layer, inputs: list[np.ndarray]) -> np.ndarray:
        """Give the numbers of a layer's output channels."""
        kind, first = type(layer).__name__, inputs[0]
        if kind in MAKERS and getattr(layer, "groups", 1) == 1:
            return self._new(layer.output.shape[-1])
        if kind in ONE_BY_ONE or (kind == "BatchNormalization" and _last(layer.axis, layer)):
            return first
        if kind == "DepthwiseConv2D":
            return np.repeat(first, layer.depth_multiplier)
        if kind == "Flatten":
            return np.tile(first, layer.output.shape[-1] // len(first))
        if kind == "Add" and len({len(numbers) for numbers in inputs}) == 1:
            for other in inputs[1:]:
                self._join(first, other)
            return first
        if kind == "Concatenate" and _last([layer.axis], layer):
            return np.concatenate(inputs)
        for numbers in inputs:
            self._freeze(numbers)
        return self._freeze(self._new(layer.output.shape[-1]))

    def _new(self, count: int) -> np.ndarray:
        start = len(self._parent)
        self._parent += range(start, start + count)
        return np.arange(start, start + count)

    def _freeze(self, numbers: np.ndarray) -> np.ndarray:
        self._frozen.update(numbers.tolist())
        return numbers

    def _find(self, number: int) -> int:
        while self._parent[number] != number:
            number = self._parent[number]
        return number

    def _join(self, ours: np.ndarray, theirs: np.ndarray) -> None:
        for one, other in zip(ours.tolist(), theirs.tolist(), strict=True):
            self._parent[self._find(other)] = self._find(one)

    def _roots(self) -> np.ndarray:
        return np.array([self._find(number) for number in range(len(self._parent))])


def _last(axes: Any, layer: tf_keras.layers.Layer) -> bool:
    rank = len(layer.output.shape)
    return all(axis % rank == rank - 1 for axis in axes)


def without(channels: Channels, removed: np.ndarray) -> tf_keras.Model:
    """Copy a model without some groups of its channels.

    Args:
        channels: Of the model.
        removed: Which groups to leave out, (channels,) of bool, by number.

    Returns:
        A functional model with the same layers, smaller.

    Raises:
        ValueError: If a frozen group is to go, or a layer would lose its last channel.
    """
    if (removed & channels.frozen).any():
        raise ValueError("cannot remove channels of the input, the output or an unsupported layer")
    left = {name: np.count_nonzero(~removed[use.outputs]) for name, use in channels.makers.items()}
    for name, count in left.items():
        if not count:
            raise ValueError(f"cannot remove every channel of layer {name!r}")
    config = channels.model.get_config()
    for layer in config["layers"]:
        if layer["name"] in left:
            layer["config"][MAKERS[layer["class_name"]]] = left[layer["name"]]
    smaller = tf_keras.Model.from_config(config)
    for layer in channels.model.layers:
        if layer.weights:
            smaller.get_layer(layer.name).set_weights(_sliced(channels, layer, removed))
    return smaller


def parameters_without(channels: Channels, removed: np.ndarray) -> int:
    """Count the parameters that `without` would leave."""
    total = 0
    for layer in channels.model.layers:
        for weight, along in zip(layer.weights, _axes(channels, layer), strict=True):
            shape = list(weight.shape)
            for axis, numbers in along.items():
                shape[axis] = np.count_nonzero(~removed[numbers])
            total += math.prod(shape)
    return total


def _sliced(
    channels: Channels, layer: tf_keras.layers.Layer, removed: np.ndarray
) -> list[np.ndarray]:
    """Give the weights of a layer that belong to the kept channels, in the layer's order."""
    weights = layer.get_weights()
    for index, along in enumerate(_axes(channels, layer)):
        for axis, numbers in along.items():
            weights[index] = weights[index].compress(~removed[numbers], axis)
    return weights


def _axes(channels: Channels, layer: tf_keras.layers.Layer) -> list[dict[int, np.ndarray]]:
    """Give, for each weight of a layer, the axes along which channels lie, and which."""
    kind, count = type(layer).__name__, len(layer.weights)
    if not count or kind not in (*MAKERS, *CARRIERS):
        return [{}] * count
    use = channels.uses[layer.name]
    kernel = {-2: use.inputs, -1: use.outputs}
    if kind == "DepthwiseConv2D":
        kernel = {-2: use.inputs}
    elif kind == "BatchNormalization":
        kernel = {-1: use.outputs}
    return [kernel, *[{-1: use.outputs}] * (count - 1)]
