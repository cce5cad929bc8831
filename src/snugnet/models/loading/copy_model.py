"""Copies of models, with changed settings of some layers."""

from collections.abc import Callable
from typing import Any

from snugnet.models.loading.keras2 import tf_keras

Change = Callable[[Any, dict[str, Any]], None]


def copy_architecture(model: tf_keras.Model, change: Change | None = None) -> tf_keras.Model:
    """Copy a model with fresh weights.

    `tf_keras.models.clone_model` fails for models with slices.

    Args:
        model: Sequential or functional model without submodels.
        change: Function that changes the settings of a layer in place; it gets the layer and the
            settings. None to change nothing.
    """
    config = model.get_config()
    for entry in config["layers"]:
        settings = entry["config"]
        if change is not None and entry["class_name"] != "InputLayer":
            change(model.get_layer(settings["name"]), settings)
    classes = {type(layer).__name__: type(layer) for layer in model.layers}
    return type(model).from_config(config, custom_objects=classes)


def copy_weights(model: tf_keras.Model, copy: tf_keras.Model) -> None:
    """Give a copy of a model the model's weights, layer by layer."""
    for layer in model.layers:
        copy.get_layer(layer.name).set_weights(layer.get_weights())
