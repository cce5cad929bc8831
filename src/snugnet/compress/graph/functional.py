"""Models as graphs: conversion to functional models, and replacement of layers by chains."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras


@dataclass(frozen=True)
class Chain:
    """A sequence of layers that replaces a single layer.

    Attributes:
        layers: The layers in order, not yet built; their names do not matter.
        weights: The weights of each layer; empty if only the architecture matters.
    """

    layers: list[tf_keras.layers.Layer]
    weights: list[list[np.ndarray]]


def to_functional(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a model as a functional one with the same names of layers.

    Args:
        model: Sequential or functional model with weights.

    Returns:
        The copy, with the same weights.

    Raises:
        InputError: If a layer is used several times: its uses could not be changed separately.
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


def replace_layers(model: tf_keras.Model, chains: Mapping[str, Chain]) -> tf_keras.Model:
    """Copy a model with some layers replaced by chains.

    Args:
        model: Sequential or functional model.
        chains: Chain by the name of the layer that it replaces. The last layer of a chain gets that
            name. The layers before it get that name with _1, _2, … appended; numbers that would
            give the name of another layer are skipped.

    Returns:
        A functional model with the weights of the chains and, elsewhere, of `model`.
    """
    model = to_functional(model)
    used_names = {layer.name for layer in model.layers}
    names = {name: _make_names(name, chain, used_names) for name, chain in chains.items()}
    config = model.get_config()
    entries: list[dict] = []
    for layer in config["layers"]:
        name = layer["name"]
        if name in chains:
            entries += _describe_chain(layer, chains[name], names[name])
        else:
            entries.append(layer)
    config["layers"] = entries
    copy = tf_keras.Model.from_config(config)
    for layer in model.layers:
        if layer.name not in chains:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    for name, chain in chains.items():
        if chain.weights:
            for layer_name, weights in zip(names[name], chain.weights, strict=True):
                copy.get_layer(layer_name).set_weights(weights)
    return copy


def _make_names(name: str, chain: Chain, used_names: set[str]) -> list[str]:
    free_names = (f"{name}_{i}" for i in count(1) if f"{name}_{i}" not in used_names)
    return [*islice(free_names, len(chain.layers) - 1), name]


def _describe_chain(replaced: dict, chain: Chain, names: list[str]) -> list[dict]:
    """Describe the layers of a chain in the format of a Keras configuration.

    Args:
        replaced: Description of the layer that the chain replaces.
        chain: The chain.
        names: Names of its layers.
    """
    entries: list[dict] = []
    inbound = replaced["inbound_nodes"]
    for layer, name in zip(chain.layers, names, strict=True):
        config = {**layer.get_config(), "name": name}
        class_name = type(layer).__name__
        entries.append(
            {"class_name": class_name, "config": config, "name": name, "inbound_nodes": inbound}
        )
        inbound = [[[name, 0, 0, {}]]]
    return entries
