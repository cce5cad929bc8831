"""Models as graphs: the same form for all, and layers replaced by chains of layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras


@dataclass(frozen=True)
class Chain:
    """Layers, one after the other, that stand in for a single one.

    Attributes:
        layers: Not yet built; the names they have do not matter.
        weights: The weights of each.
    """

    layers: list[tf_keras.layers.Layer]
    weights: list[list[np.ndarray]]


def functional(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a Sequential or functional model as a functional one with the same layers' names.

    Raises:
        InputError: If a layer is used more than once: its copies could not change one by one.
    """
    copy = tf_keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in copy.layers:
        if len(layer.inbound_nodes) > 1:
            raise InputError(
                f"layer {layer.name!r} is used {len(layer.inbound_nodes)} times; shared layers are "
                "not supported"
            )
    return tf_keras.Model(copy.inputs, copy.outputs, name=model.name)


def replace(model: tf_keras.Model, chains: Mapping[str, Chain]) -> tf_keras.Model:
    """Copy a model with some layers replaced.

    Args:
        model: Sequential or functional.
        chains: By the name of the layer that each replaces. The last layer of a chain takes that
            name, those before it take it with _1, _2, … behind, as far as these are free.

    Returns:
        A functional model with the weights of the chains and, elsewhere, of `model`.
    """
    model = functional(model)
    taken = {layer.name for layer in model.layers}
    names = {name: _names(name, chain, taken) for name, chain in chains.items()}
    config = model.get_config()
    config["layers"] = [
        entry
        for layer in config["layers"]
        for entry in (
            _entries(layer, chains[layer["name"]], names[layer["name"]])
            if layer["name"] in chains
            else [layer]
        )
    ]
    copy = tf_keras.Model.from_config(config)
    for layer in model.layers:
        if layer.name not in chains:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    for name, chain in chains.items():
        for link, weights in zip(names[name], chain.weights, strict=True):
            copy.get_layer(link).set_weights(weights)
    return copy


def _names(name: str, chain: Chain, taken: set[str]) -> list[str]:
    free = (f"{name}_{i}" for i in count(1) if f"{name}_{i}" not in taken)
    return [*islice(free, len(chain.layers) - 1), name]


def _entries(replaced: dict, chain: Chain, names: list[str]) -> list[dict]:
    """Describe the layers of a chain as Keras describes a model's layers."""
    entries = []
    inbound = replaced["inbound_nodes"]
    for layer, name in zip(chain.layers, names, strict=True):
        config = {**layer.get_config(), "name": name}
        class_name = type(layer).__name__
        entries.append(
            {"class_name": class_name, "config": config, "name": name, "inbound_nodes": inbound}
        )
        inbound = [[[name, 0, 0, {}]]]
    return entries
