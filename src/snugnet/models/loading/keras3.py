"""Conversion of models of Keras 3 to Keras 2, which TensorFlow's tools require.

A model is built twice from the checked description: in Keras 2, and in another process in Keras 3,
because one process cannot use both versions. Both must compute the same.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.budget import Budget
from snugnet.core.errors import InputError
from snugnet.core.files import check_plain, private_folder
from snugnet.core.programs import run_program
from snugnet.core.samples import read_npz
from snugnet.core.sandbox import Rights
from snugnet.core.tensorflow_environment import KERAS_FOLDER
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.load_weights import check_sizes
from snugnet.models.loading.model_description import (
    Call,
    LayerDescription,
    NetworkDescription,
    TensorReference,
)
from snugnet.models.loading.model_parts import WEIGHTS, ModelParts

PROGRAM = Path(__file__).with_name("keras3_program.py")
# Largest accepted difference between outputs for the same input, relative to the largest output.
OUTPUT_TOLERANCE = 1e-4


def convert(
    model: tf_keras.Model, network: NetworkDescription, parts: ModelParts, budget: Budget
) -> None:
    """Build a model in Keras 3, give a Keras 2 model its weights, and compare their outputs.

    Args:
        model: The model in Keras 2, without weights. It gets those of the file.
        network: The checked description of the model.
        parts: The parts of its file.
        budget: Limits for the weights and for the time in Keras 3.

    Raises:
        InputError: If Keras 3 cannot build the model, or it has no equivalent in Keras 2.
    """
    assert parts.weights is not None
    check_sizes(model, parts)
    with private_folder() as name:
        folder = Path(name)
        weights = folder / (WEIGHTS if parts.is_archive else "weights.h5")
        (folder / "model.json").write_text(json.dumps(_describe_network(network)))
        parts.weights.write(weights)
        # This process requested Keras 2 in its environment, the program needs Keras 3.
        environment = {
            "TF_USE_LEGACY_KERAS": "0",
            "KERAS_BACKEND": "tensorflow",
            KERAS_FOLDER: os.devnull,
        }
        outcome = run_program(
            *(PROGRAM, folder / "model.json", weights, folder / "model.npz"),
            environment=environment,
            timeout=budget.seconds,
            bytes_held=budget.bytes_held,
            kept=Rights(writable=(folder,)),
        )
        if outcome.status != 0:
            raise InputError(f"{parts.path}: Keras 3 cannot build it ({outcome.message[:300]})")
        check_plain(folder / "model.npz", str(parts.path))
        arrays = read_npz(folder / "model.npz", (), budget)
    inputs = [arrays.pop(f"x/{i}") for i in range(len(model.inputs)) if f"x/{i}" in arrays]
    expected = arrays.pop("y", None)
    _set_weights(model, arrays)
    # An input without a fixed shape, or several outputs: the caller rejects such a model.
    if expected is None:
        return
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False).numpy()
    if outputs.shape != expected.shape or not _are_close(outputs, expected):
        raise InputError(
            f"{parts.path}: outputs change when converted to Keras 2; save the model with Keras 2"
        )


def _are_close(outputs: np.ndarray, expected: np.ndarray) -> bool:
    tolerance = OUTPUT_TOLERANCE * max(1.0, np.abs(expected).max())
    return bool(np.abs(outputs - expected).max() <= tolerance)


def _set_weights(model: Any, arrays: Mapping[str, np.ndarray], prefix: str = "") -> None:
    """Set the weights of all layers; keys are `submodel/layer/number of the weight`."""
    for layer in model.layers:
        key = f"{prefix}{layer.name}"
        if hasattr(layer, "layers"):
            _set_weights(layer, arrays, f"{key}/")
            continue
        names = [f"{key}/{i}" for i in range(len(layer.weights))]
        if missing := [name for name in names if name not in arrays]:
            raise InputError(
                f"layer {layer.name!r}: it has another number of weights in Keras 2 ({missing[0]} "
                "is missing); save the model with Keras 2"
            )
        layer.set_weights([arrays[name] for name in names])


def _describe_network(network: NetworkDescription) -> dict[str, Any]:
    """Describe a model for Keras 3, from checked records only."""
    layers = [_describe_layer(layer) for layer in network.layers]
    if network.inputs is None or network.outputs is None:
        config: dict[str, Any] = {"name": network.name, "layers": layers}
        if network.input_shape is not None:
            config["build_input_shape"] = list(network.input_shape)
        return _describe_object("keras", "Sequential", config)
    ends = {
        key: [[end.layer, end.call, end.index] for end in references]
        for key, references in (
            ("input_layers", network.inputs),
            ("output_layers", network.outputs),
        )
    }
    # A list with one entry would make a model with lists of inputs and outputs.
    config = {key: value[0] if len(value) == 1 else value for key, value in ends.items()}
    return _describe_object(
        "keras.src.models.functional",
        "Functional",
        {"name": network.name, "layers": layers, **config},
    )


def _describe_layer(layer: LayerDescription) -> dict[str, Any]:
    if layer.network is not None:
        description = _describe_network(layer.network)
    else:
        # These do not change outputs.
        settings = {
            key: value
            for key, value in layer.settings.items()
            if not key.endswith(("_constraint", "_initializer", "_regularizer"))
        }
        for key, parts in layer.parts.items():
            entries = [_describe_layer(part) for part in parts]
            settings[key] = entries if key == "cells" else entries[0]
        for key, value in settings.items():
            if key.endswith("activation") and isinstance(value, dict):
                settings[key] = _describe_object(
                    "keras.layers", value["class_name"], value["config"]
                )
        module = layer.operation_module or "keras.layers"
        description = _describe_object(module, layer.kind, settings)
    calls = [_describe_call(call) for call in layer.calls]
    return {**description, "name": layer.name, "inbound_nodes": calls}


def _describe_object(module: str, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}


def _describe_call(call: Call) -> dict[str, Any]:
    return {
        "args": [_describe_value(value) for value in call.arguments],
        "kwargs": {key: _describe_value(value) for key, value in call.options.items()},
    }


def _describe_value(value: Any) -> Any:
    """Describe an argument of a call; see `model_description.Call`."""
    if isinstance(value, TensorReference):
        history = [value.layer, value.call, value.index]
        config = {"shape": [None], "dtype": "float32", "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, slice):
        config = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": config}
    if isinstance(value, tuple):
        return {"class_name": "__tuple__", "items": [_describe_value(item) for item in value]}
    if isinstance(value, list):
        return [_describe_value(item) for item in value]
    return value
