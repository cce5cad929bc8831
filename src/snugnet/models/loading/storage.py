"""Saving and loading of the Keras models of a study, without running code from the files."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py

from snugnet.core.budget import Budget
from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.models.loading.allowed_layers import LAYERS, MODELS, WRAPPERS
from snugnet.models.loading.build_model import build_model
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.load_weights import load_weights
from snugnet.models.loading.model_description import parse_description
from snugnet.models.loading.model_parts import read_parts

# A Lambda layer contains code, and an unknown class needs code from elsewhere: both are rejected.
ALLOWED_LAYERS = LAYERS | frozenset(WRAPPERS)
# Models of a study are as large as their user wants.
BUDGET = Budget().scale(1000)


def save_model(model: tf_keras.Model, path: str | Path) -> None:
    """Write architecture and weights as .h5, without optimizer state.

    Args:
        model: The model.
        path: Path of the .h5 file; it is replaced atomically.
    """
    with atomic_write(path) as partial:
        model.save(partial, include_optimizer=False, save_format="h5")


def load_model(path: str | Path) -> tf_keras.Model:
    """Load a model that `save_model` wrote.

    Args:
        path: The .h5 file.

    Returns:
        The uncompiled model.

    Raises:
        InputError: If the file is not an .h5 model, or describes a layer that is not allowed.
    """
    check_layers(path, ALLOWED_LAYERS)
    parts = read_parts(Path(path), BUDGET, is_own=True)
    network = parse_description(parts.description, is_keras3=False)
    # The weights are drawn and then replaced: training after this must see the same random numbers
    # as training of a model that was built.
    model = build_model(network, BUDGET, is_zero=False)
    load_weights(model, network, parts)
    return model


def check_layers(path: str | Path, allowed: frozenset[str]) -> None:
    """Check that a saved model has layers of the allowed classes only.

    Args:
        path: The .h5 file.
        allowed: Names of layer classes. The classes of models are always allowed.

    Raises:
        InputError: If there is a layer of another class, or the file is not an .h5 model.
    """
    for name in list_layer_classes(path):
        if name not in allowed | MODELS:
            raise InputError(
                f"{path}: unsupported layer class {name!r}; supported: {', '.join(sorted(allowed))}"
            )


def list_layer_classes(path: str | Path) -> list[str]:
    """List the classes of a saved model and all its layers, without building the model.

    Args:
        path: The .h5 file.

    Returns:
        Class names, including those of submodels and wrapped layers, with repetitions.

    Raises:
        InputError: If the file is not an .h5 model.
    """
    if zipfile.is_zipfile(path):  # Keras would read the archive within the file
        raise InputError(f"{path}: not a Keras .h5 model")
    try:
        with h5py.File(path, "r") as file:
            description = json.loads(file.attrs["model_config"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a Keras .h5 model ({error})") from None
    return _list_class_names(description)


def _list_class_names(description: Any) -> list[str]:
    if not isinstance(description, dict):
        return []
    names = [str(description.get("class_name"))]
    config = description.get("config")
    if isinstance(config, dict):
        # A model has `layers`, a wrapper such as Bidirectional has `layer`.
        for layer in [*config.get("layers", []), config.get("layer")]:
            names += _list_class_names(layer)
    return names
