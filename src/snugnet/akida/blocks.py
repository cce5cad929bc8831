"""A model as the blocks that Akida computes at once: a layer with weights, and what follows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from snugnet.models.loading.keras2 import tf_keras

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
WEIGHTED = (*CONVOLUTIONS, "Dense")
CARRIERS = (*WEIGHTED, "Add", "Concatenate")
FOLLOWERS = ("MaxPooling2D", "GlobalAveragePooling2D", "ReLU", "Activation")
FLATTENING = ("Flatten", "Reshape")


@dataclass
class Block:
    """A layer that computes, and what Akida does to its results on the way.

    Attributes:
        layer: The Keras layer.
        before: The blocks that it reads.
        reads_input: Whether it reads the model's input.
        tail: What follows, in order: pools and activations.
        flat: Whether its input is flattened.
        readers: The blocks that read it.
    """

    layer: tf_keras.layers.Layer
    before: list["Block"]
    reads_input: bool
    flat: bool = False
    tail: list[tf_keras.layers.Layer] = field(default_factory=list)
    readers: list["Block"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The class of its layer."""
        return type(self.layer).__name__

    @property
    def name(self) -> str:
        """The name of its layer."""
        name: str = self.layer.name
        return name

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one sample; of the first input if there are several."""
        shape = self.layer.input_shape
        return tuple((shape[0] if isinstance(shape, list) else shape)[1:])

    @property
    def steps(self) -> list[str]:
        """Name what follows: `pool`, `gap`, `relu`."""
        return [_step(layer) for layer in self.tail]

    def last(self, step: str) -> tf_keras.layers.Layer | None:
        """Find the last follower of a kind."""
        found = [layer for layer in self.tail if _step(layer) == step]
        return found[-1] if found else None


def _step(layer: tf_keras.layers.Layer) -> str:
    names = {"MaxPooling2D": "pool", "GlobalAveragePooling2D": "gap"}
    return names.get(type(layer).__name__, "relu")


def get_padding(convolution: tf_keras.layers.Layer) -> str:
    """Name the padding of a convolution: a 1x1 one pads nothing, and is read as `same`."""
    padding: str = convolution.padding
    return "same" if max(convolution.kernel_size) == 1 else padding


def _pool_normalized(layer: tf_keras.layers.Layer) -> bool:
    """Tell whether a layer normalizes a pool, before which quantizeml then puts it."""
    before = layer.inbound_nodes[0].inbound_layers
    pools = ("MaxPooling2D", "GlobalAveragePooling2D")
    return type(layer).__name__ == "BatchNormalization" and type(before).__name__ in pools


def split_into_blocks(model: tf_keras.Model) -> tuple[list[Block], list[tf_keras.layers.Layer]]:
    """Cut a model into blocks.

    Args:
        model: Functional, as `rewrite.ready` gives it.

    Returns:
        The blocks in the order in which they are computed, and the layers that belong to none.
    """
    found: list[Block] = []
    strange = []
    of: dict[int, tuple[Block | None, bool]] = {}  # by tensor: its block, whether it is flattened
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            of[id(layer.output)] = (None, False)
            continue
        given = [of[id(tensor)] for tensor in _listed(layer.input)]
        block, flat = given[0]
        if kind in CARRIERS:
            before = [b for b, _ in given if b is not None]
            reads_input = len(before) < len(given)
            block, flat = Block(layer, before, reads_input, any(f for _, f in given)), False
            for reader in before:
                reader.readers.append(block)
            found.append(block)
            block.tail += _own_activation(layer)
        elif kind in FOLLOWERS and block is not None and not flat:
            block.tail.append(layer)
        elif kind in FLATTENING:
            flat = True
        elif kind != "Dropout" and not _pool_normalized(layer):
            strange.append(layer)
        of[id(layer.output)] = (block, flat)
    return found, strange


def _own_activation(layer: Any) -> Sequence[Any]:
    activation = getattr(layer, "activation", tf_keras.activations.linear)
    if activation is tf_keras.activations.linear:
        return []
    return [tf_keras.layers.Activation(activation, name=layer.name)]


def _listed(tensors: Any) -> list[Any]:
    return tensors if isinstance(tensors, list) else [tensors]
