"""Blocks of a model that Akida computes together: one main layer and the layers that follow it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from snugnet.models.loading.keras2 import tf_keras

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
# Layers with a kernel that Akida computes.
AKIDA_KERNEL_LAYERS = (*CONVOLUTIONS, "Dense")
# Layers that start a block.
MAIN_LAYERS = (*AKIDA_KERNEL_LAYERS, "Add", "Concatenate")
# Layers that belong to the block of the layer before them.
FOLLOWERS = ("MaxPooling2D", "GlobalAveragePooling2D", "ReLU", "Activation")
FLATTENING = ("Flatten", "Reshape")


@dataclass
class Block:
    """A main layer and the pooling and activation layers that follow it.

    Attributes:
        layer: The main Keras layer.
        producers: The blocks whose output this block reads.
        reads_input: Whether the block reads the model's input.
        is_flattened: Whether the block's input is flattened.
        followers: The pooling and activation layers after the main layer, in order.
        readers: The blocks that read the output of this block.
        follows_unsupported: Whether the layers between the model's input and the block include some
            that belong to no block.
    """

    layer: tf_keras.layers.Layer
    producers: list["Block"]
    reads_input: bool
    is_flattened: bool = False
    followers: list[tf_keras.layers.Layer] = field(default_factory=list)
    readers: list["Block"] = field(default_factory=list)
    follows_unsupported: bool = False

    @property
    def kind(self) -> str:
        """Class name of the main layer."""
        return type(self.layer).__name__

    @property
    def name(self) -> str:
        """Name of the main layer."""
        name: str = self.layer.name
        return name

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Input shape of one sample; the shape of the first input if there are several."""
        shape = self.layer.input_shape
        return tuple((shape[0] if isinstance(shape, list) else shape)[1:])

    @property
    def steps(self) -> list[str]:
        """Kinds of the followers, in order: `pool`, `gap` or `relu`."""
        return [_get_step(layer) for layer in self.followers]

    def find_last(self, step: str) -> tf_keras.layers.Layer | None:
        """Find the last follower of a kind.

        Args:
            step: `pool`, `gap` or `relu`.

        Returns:
            The layer, or None if the block has no such follower.
        """
        matches = [layer for layer in self.followers if _get_step(layer) == step]
        return matches[-1] if matches else None


def _get_step(layer: tf_keras.layers.Layer) -> str:
    """Name the kind of a follower: `pool`, `gap` or `relu`."""
    names = {"MaxPooling2D": "pool", "GlobalAveragePooling2D": "gap"}
    return names.get(type(layer).__name__, "relu")


def get_padding(convolution: tf_keras.layers.Layer) -> str:
    """Get the padding of a convolution: `same` or `valid`.

    A 1x1 convolution pads nothing, so its padding counts as `same`.
    """
    padding: str = convolution.padding
    return "same" if max(convolution.kernel_size) == 1 else padding


def _is_pooling_normalization(layer: tf_keras.layers.Layer) -> bool:
    """Check for batch normalization directly after pooling; quantizeml moves it before the pool."""
    previous = layer.inbound_nodes[0].inbound_layers
    pools = ("MaxPooling2D", "GlobalAveragePooling2D")
    return type(layer).__name__ == "BatchNormalization" and type(previous).__name__ in pools


class _Origin(NamedTuple):
    """Source of a tensor.

    Attributes:
        block: The block that computes it; None if it is computed from the model's input by layers
            that belong to no block.
        is_flattened: Whether it is flattened.
        is_unsupported: Whether a layer between the block, or the input, and the tensor is not
            supported.
    """

    block: Block | None
    is_flattened: bool
    is_unsupported: bool


def split_into_blocks(model: tf_keras.Model) -> tuple[list[Block], list[tf_keras.layers.Layer]]:
    """Split a model into blocks.

    Args:
        model: Functional model from `rewrite.prepare_model`.

    Returns:
        The blocks in the order of computation, and the layers that belong to no block.
    """
    blocks: list[Block] = []
    unsupported = []
    # By the id of the tensor.
    origins: dict[int, _Origin] = {}
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            origins[id(layer.output)] = _Origin(None, False, False)
            continue
        sources = [origins[id(tensor)] for tensor in _to_list(layer.input)]
        block, is_flattened, is_unsupported = sources[0]
        if kind in MAIN_LAYERS:
            block = _start_block(layer, sources)
            is_flattened = is_unsupported = False
            blocks.append(block)
        elif kind in FOLLOWERS and block is not None and not is_flattened:
            block.followers.append(layer)
        elif kind in FLATTENING:
            is_flattened = True
        elif kind != "Dropout" and not _is_pooling_normalization(layer):
            unsupported.append(layer)
            is_unsupported = True
        origins[id(layer.output)] = _Origin(block, is_flattened, is_unsupported)
    return blocks, unsupported


def _start_block(layer: tf_keras.layers.Layer, sources: list[_Origin]) -> Block:
    """Start the block of a main layer, and add it to the readers of its producers."""
    producers = [source.block for source in sources if source.block is not None]
    block = Block(
        layer,
        producers,
        reads_input=len(producers) < len(sources),
        is_flattened=any(source.is_flattened for source in sources),
        followers=list(_get_own_activation(layer)),
        follows_unsupported=any(
            source.block is None and source.is_unsupported for source in sources
        ),
    )
    for producer in producers:
        producer.readers.append(block)
    return block


def _get_own_activation(layer: Any) -> Sequence[Any]:
    """Get the `activation` argument of a layer as a list of at most one Activation layer."""
    activation = getattr(layer, "activation", tf_keras.activations.linear)
    if activation is tf_keras.activations.linear:
        return []
    return [tf_keras.layers.Activation(activation, name=layer.name)]


def _to_list(tensors: Any) -> list[Any]:
    """Put a single tensor into a list; return a list unchanged."""
    return tensors if isinstance(tensors, list) else [tensors]
