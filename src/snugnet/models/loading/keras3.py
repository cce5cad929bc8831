"""Conversion of Keras 3 files to Keras 2 models, which TensorFlow's tools require.

Keras 3 itself reads the file, in another process: one process cannot use both versions.
"""

import json
import tempfile
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.isolation import run_program
from snugnet.models.loading.keras2 import tf_keras

DUMP_SCRIPT = Path(__file__).with_name("keras3_dump.py")
# Settings that every layer of Keras 2 accepts.
COMMON_SETTINGS = frozenset(
    {"name", "trainable", "dtype", "batch_input_shape", "activity_regularizer"}
)
# Settings that have another name in Keras 2, by layer class and name in Keras 3.
RENAMED_SETTINGS = {
    ("InputLayer", "batch_shape"): "batch_input_shape",
    ("LeakyReLU", "negative_slope"): "alpha",
}
# Largest accepted difference between outputs for the same input, relative to the largest output.
OUTPUT_TOLERANCE = 1e-4


def convert(path: Path) -> tf_keras.Model:
    """Read a Keras 3 model, rebuild it in Keras 2 and compare the outputs of both.

    Args:
        path: A Keras 3 file whose description has already been checked for code.

    Returns:
        An uncompiled Keras 2 model with the same weights.

    Raises:
        InputError: If Keras 3 cannot read the file, or the model has no equivalent in Keras 2.
    """
    with tempfile.TemporaryDirectory() as folder:
        dump_path = Path(folder) / "model.npz"
        # This process requested Keras 2 in its environment, the program needs Keras 3.
        environment = {"TF_USE_LEGACY_KERAS": "0", "KERAS_BACKEND": "tensorflow"}
        result = run_program(DUMP_SCRIPT, path, dump_path, environment=environment)
        if result.status:
            raise InputError(f"{path}: Keras 3 cannot read it ({result.message[:300]})")
        with np.load(dump_path, allow_pickle=False) as file:
            arrays = dict(file)
    description = json.loads(arrays.pop("model").tobytes())
    x, expected = arrays.pop("x"), arrays.pop("y")
    model = _build(description)
    _set_weights(model, arrays)
    # An input without a fixed shape, or several inputs: the caller rejects such a model.
    if not x.size:
        return model
    outputs = model(x, training=False).numpy()
    if outputs.shape != expected.shape or _has_large_error(outputs, expected):
        raise InputError(
            f"{path}: outputs change when converted to Keras 2; save the model with Keras 2"
        )
    return model


def _has_large_error(outputs: np.ndarray, expected: np.ndarray) -> bool:
    tolerance = OUTPUT_TOLERANCE * max(1.0, np.abs(expected).max())
    return bool(np.abs(outputs - expected).max() > tolerance)


def _build(description: Mapping[str, Any]) -> Any:
    """Build a Keras 2 model or layer from its Keras 3 description."""
    kind, config = description["class_name"], description["config"]
    if kind == "Sequential":
        return tf_keras.Sequential([_build(entry) for entry in config["layers"]], config["name"])
    if kind in ("Functional", "Model"):
        return _build_functional(config)
    layer_class = getattr(tf_keras.layers, kind, None)
    if layer_class is None or description.get("module") != "keras.layers":
        raise InputError(f"layer {config.get('name')!r}: Keras 2 has no layer {kind}")
    return layer_class.from_config(_convert_settings(description))


def _convert_settings(description: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the settings of a layer to Keras 2; drop those that only Keras 3 has."""
    kind, known = description["class_name"], set(COMMON_SETTINGS)
    for base in getattr(tf_keras.layers, kind).__mro__:
        known |= set(signature(base.__init__).parameters)
    renamed = {
        RENAMED_SETTINGS.get((kind, name), name): value
        for name, value in description["config"].items()
    }
    return {
        name: _convert_value(value)
        for name, value in renamed.items()
        # Initializers have other settings in Keras 3. They do not matter: all weights are set.
        if name in known and not name.endswith("_initializer")
    }


def _convert_value(value: Any) -> Any:
    """Convert nested descriptions to the format of Keras 2."""
    if isinstance(value, list):
        return [_convert_value(item) for item in value]
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    if value["class_name"] == "DTypePolicy":
        return value["config"]["name"]
    is_layer = value.get("module") == "keras.layers"
    return {
        "class_name": value["class_name"],
        "config": _convert_settings(value) if is_layer else value["config"],
    }


def _build_functional(config: Mapping[str, Any]) -> Any:
    """Build a functional model: call each layer as soon as all of its inputs exist."""
    layers = {entry["name"]: _build(entry) for entry in config["layers"]}
    # Output tensors by name of the layer and number of the call.
    outputs: dict[tuple[str, int], list[Any]] = {}
    waiting = []
    for entry in config["layers"]:
        if entry["class_name"] == "InputLayer":
            outputs[entry["name"], 0] = _to_list(layers[entry["name"]].output)
        waiting += [(entry["name"], i, node) for i, node in enumerate(entry["inbound_nodes"])]
    while waiting:
        ready = [
            call
            for call in waiting
            if all(source[:2] in outputs for source in _list_call_inputs(call[2]))
        ]
        if not ready:
            raise InputError(
                f"circular connections between layers {sorted({name for name, *_ in waiting})}"
            )
        for name, i, node in ready:
            tensors = [outputs[source[:2]][source[2]] for source in _list_call_inputs(node)]
            arguments = tensors[0] if len(tensors) == 1 else tensors
            outputs[name, i] = _to_list(layers[name](arguments))
        waiting = [call for call in waiting if call not in ready]
    model_inputs, model_outputs = (
        [outputs[name, call][index] for name, call, index in _list_ends(config[key])]
        for key in ("input_layers", "output_layers")
    )
    return tf_keras.Model(model_inputs, model_outputs, name=config["name"])


def _to_list(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _list_call_inputs(node: Any) -> list[tuple[str, int, int]]:
    """List the input tensors of a call as (layer, call, index of the output)."""
    if isinstance(node, list):
        return [source for item in node for source in _list_call_inputs(item)]
    if not isinstance(node, dict):
        return []
    if node.get("class_name") == "__keras_tensor__":
        name, call, index = node["config"]["keras_history"]
        return [(name, call, index)]
    return [source for value in node.values() for source in _list_call_inputs(value)]


def _list_ends(ends: Any) -> list[tuple[str, int, int]]:
    """List the inputs or outputs of a model, given as one (layer, call, index) or a nested list."""
    if len(ends) == 3 and isinstance(ends[0], str):
        return [tuple(ends)]
    return [source for end in ends for source in _list_ends(end)]


def _set_weights(model: Any, arrays: Mapping[str, np.ndarray], prefix: str = "") -> None:
    """Set the weights of all layers; keys are `submodel/layer/number of the weight`."""
    for layer in model.layers:
        key = f"{prefix}{layer.name}"
        if hasattr(layer, "layers"):
            _set_weights(layer, arrays, f"{key}/")
            continue
        weights = [arrays[f"{key}/{i}"] for i in range(len(layer.weights))]
        layer.set_weights(weights)
