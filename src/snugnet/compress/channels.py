"""Which channels of a network stand or fall together, and the network without some of them.

Every channel that a layer makes gets a number of its own. Numbers travel with the tensors: through
layers that treat channels one by one they stay, Flatten repeats them, Concatenate joins them, and
Add, which needs both sides to agree, makes them one. What shares a number is a group: it can be
removed only as a whole (the dependency groups of Fang et al., "DepGraph", CVPR 2023, computed per
channel).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snugnet.compress.graph import functional
from snugnet.models.keras2 import tf_keras

# Layers that map each channel to itself, without weights.
ONE_BY_ONE = (
    "Activation",
    "AveragePooling2D",
    "Dropout",
    "GlobalAveragePooling2D",
    "MaxPooling2D",
    "ReLU",
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
        self.uses: dict[str, Use] = {}
        self._follow()
        root = self._roots()
        self.uses = {
            name: Use(root[use.inputs], root[use.outputs]) for name, use in self.uses.items()
        }
        self.frozen = np.zeros(len(root), bool)
        self.frozen[[root[number] for number in self._frozen]] = True

    @property
    def makers(self) -> dict[str, Use]:
        """The layers that make channels, in order."""
        return {name: use for name, use in self.uses.items() if self._class(name) in MAKERS}

    def _class(self, name: str) -> str:
        return type(self.model.get_layer(name)).__name__

    def _follow(self) -> None:
        known: dict[int, np.ndarray] = {}
        for layer in self.model.layers:
            if isinstance(layer, tf_keras.layers.InputLayer):
                known[id(layer.output)] = self._freeze(self._new(layer.output.shape[-1]))
                continue
            tensors = layer.input if isinstance(layer.input, list) else [layer.input]
            inputs = [known[id(tensor)] for tensor in tensors]
            outputs = self._through(layer, inputs)
            known[id(layer.output)] = outputs
            if len(inputs) == 1:
                self.uses[layer.name] = Use(inputs[0], outputs)
        for tensor in self.model.outputs:
            self._freeze(known[id(tensor)])

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
        raise ValueError("a channel of the model's input, output or of an unknown layer must stay")
    kept = {
        name: (np.flatnonzero(~removed[use.inputs]), np.flatnonzero(~removed[use.outputs]))
        for name, use in channels.uses.items()
    }
    for name in channels.makers:
        if not len(kept[name][1]):
            raise ValueError(f"layer {name!r} would lose its last channel")
    config = channels.model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] in MAKERS and layer["name"] in channels.makers:
            layer["config"][MAKERS[layer["class_name"]]] = len(kept[layer["name"]][1])
    smaller = tf_keras.Model.from_config(config)
    for layer in channels.model.layers:
        if layer.weights:
            smaller.get_layer(layer.name).set_weights(sliced(layer, kept))
    return smaller


def parameters_without(channels: Channels, removed: np.ndarray) -> int:
    """Count the parameters that `without` would leave."""
    total = 0
    for layer in channels.model.layers:
        use = channels.uses.get(layer.name)
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if use is None or type(layer).__name__ not in (*MAKERS, *CARRIERS):
            total += sum(map(math.prod, shapes))
            continue
        inputs, outputs = (np.count_nonzero(~removed[n]) for n in (use.inputs, use.outputs))
        total += sum(map(math.prod, _shapes(type(layer).__name__, shapes, inputs, outputs)))
    return total


def _shapes(
    kind: str, shapes: list[tuple[int, ...]], inputs: int, outputs: int
) -> list[tuple[int, ...]]:
    """Give the shapes of a layer's weights with other numbers of channels."""
    kernels = {
        "BatchNormalization": [],
        "DepthwiseConv2D": [(*shapes[0][:2], inputs, shapes[0][-1])],
    }.get(kind, [(*shapes[0][:-2], inputs, outputs)])
    return kernels + [(outputs,)] * (len(shapes) - len(kernels))


def sliced(
    layer: tf_keras.layers.Layer, kept: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> list[np.ndarray]:
    """Give the weights of a layer that belong to the kept channels, in the layer's order."""
    weights = layer.get_weights()
    if layer.name not in kept:
        return weights
    inputs, outputs = kept[layer.name]
    kind = type(layer).__name__
    if kind in MAKERS:
        return [weights[0][..., inputs, :][..., outputs], *(w[outputs] for w in weights[1:])]
    if kind == "DepthwiseConv2D":
        return [weights[0][:, :, inputs, :], *(w[outputs] for w in weights[1:])]
    if kind == "BatchNormalization":
        return [w[outputs] for w in weights]
    return weights
