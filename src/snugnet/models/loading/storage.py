"""Keras models on disk, read without running anybody's code."""

import json
from pathlib import Path
from typing import Any

import h5py

from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.models.loading.keras2 import tf_keras

# Layers whose description is data only. A Lambda carries code, and an unknown class would need
# code from elsewhere: both are refused before Keras sees the file.
ALLOWED_LAYERS = frozenset(
    {
        "Activation",
        "Add",
        "AveragePooling1D",
        "AveragePooling2D",
        "BatchNormalization",
        "Concatenate",
        "Conv1D",
        "Conv2D",
        "Dense",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "Dropout",
        "Flatten",
        "GaussianNoise",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "InputLayer",
        "LeakyReLU",
        "MaxPooling1D",
        "MaxPooling2D",
        "Multiply",
        "Permute",
        "ReLU",
        "Rescaling",
        "Reshape",
        "SeparableConv1D",
        "SeparableConv2D",
        "Softmax",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "ZeroPadding1D",
        "ZeroPadding2D",
    }
)
ALLOWED_MODELS = frozenset({"Functional", "Model", "Sequential"})


def save_model(model: tf_keras.Model, path: str | Path) -> None:
    """Write architecture and weights as .h5, without optimizer state."""
    with atomic_write(path) as partial:
        model.save(partial, include_optimizer=False, save_format="h5")


def load_model(path: str | Path) -> tf_keras.Model:
    """Read a model that `save_model` wrote, uncompiled.

    Raises:
        InputError: If the file is not such a model, or describes a layer that is not allowed.
    """
    check_layers(path, ALLOWED_LAYERS)
    return tf_keras.models.load_model(path, compile=False)


def check_layers(path: str | Path, allowed: frozenset[str]) -> None:
    """Refuse a saved model that describes any other layer.

    Raises:
        InputError: If it does, or the file is not an .h5 model.
    """
    for name in layer_classes(path):
        if name not in allowed | ALLOWED_MODELS:
            raise InputError(
                f"{path}: unsupported layer class {name!r}; supported: {', '.join(sorted(allowed))}"
            )


def layer_classes(path: str | Path) -> list[str]:
    """List the classes of a saved model and its layers from its own description, nested ones too.

    Raises:
        InputError: If the file is not an .h5 model.
    """
    try:
        with h5py.File(path, "r") as file:
            description = json.loads(file.attrs["model_config"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a Keras .h5 model ({error})") from None
    return _class_names(description)


def _class_names(description: Any) -> list[str]:
    if not isinstance(description, dict):
        return []
    names = [str(description.get("class_name"))]
    config = description.get("config")
    if isinstance(config, dict):
        for layer in [*config.get("layers", []), config.get("layer")]:  # the one within a wrapper
            names += _class_names(layer)
    return names
