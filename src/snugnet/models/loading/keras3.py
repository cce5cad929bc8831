"""From a file of Keras 3 to the same model in Keras 2, which TensorFlow's tools take.

Keras 3 itself reads the file, in a process of its own: both cannot be in one.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.models.loading.keras2 import tf_keras

DUMP = Path(__file__).with_name("keras3_dump.py")
# What every layer of Keras 2 may be told.
COMMON = frozenset({"name", "trainable", "dtype", "batch_input_shape", "activity_regularizer"})
RENAMED = {
    ("InputLayer", "batch_shape"): "batch_input_shape",
    ("LeakyReLU", "negative_slope"): "alpha",
}
# How far outputs for the same input may be apart, relative to the largest.
TOLERANCE = 1e-4


def convert(path: Path) -> tf_keras.Model:
    """Read a model of Keras 3 and make it anew; what it computes is compared.

    Args:
        path: A file whose description was found harmless.

    Raises:
        InputError: If Keras 3 cannot read it, or what it describes has no equal in Keras 2.
    """
    with tempfile.TemporaryDirectory() as folder:
        dumped = Path(folder) / "model.npz"
        # Keras 3 wants to be found where Keras 2 was asked for.
        environment = {**os.environ, "TF_USE_LEGACY_KERAS": "0", "KERAS_BACKEND": "tensorflow"}
        command = [sys.executable, "-P", str(DUMP), str(path), str(dumped)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no error message"])[-1]
            raise InputError(f"{path}: Keras 3 cannot read it ({last[:300]})")
        with np.load(dumped, allow_pickle=False) as file:
            arrays = dict(file)
    described = json.loads(arrays.pop("model").tobytes())
    x, expected = arrays.pop("x"), arrays.pop("y")
    model = _model(described)
    _set_weights(model, arrays)
    if not x.size:  # an input of no fixed shape, or several: refused by whoever asked
        return model
    found = model(x, training=False).numpy()
    if found.shape != expected.shape or np.abs(found - expected).max() > TOLERANCE * max(
        1.0, np.abs(expected).max()
    ):
        raise InputError(
            f"{path}: outputs change when converted to Keras 2; save the model with Keras 2"
        )
    return model


def _model(described: Mapping[str, Any]) -> Any:
    """Make a model, or a layer, that Keras 3 described."""
    kind, config = described["class_name"], described["config"]
    if kind == "Sequential":
        return tf_keras.Sequential([_model(entry) for entry in config["layers"]], config["name"])
    if kind in ("Functional", "Model"):
        return _functional(config)
    layer_class = getattr(tf_keras.layers, kind, None)
    if layer_class is None or described.get("module") != "keras.layers":
        raise InputError(f"layer {config.get('name')!r}: Keras 2 has no layer {kind}")
    return layer_class.from_config(_settings(described))


def _settings(described: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings of a layer that Keras 2 knows, in its form; the rest came after it."""
    kind, known = described["class_name"], set(COMMON)
    for base in getattr(tf_keras.layers, kind).__mro__:
        known |= set(signature(base.__init__).parameters)
    renamed = {
        RENAMED.get((kind, name), name): value for name, value in described["config"].items()
    }
    return {
        name: _plain(value)
        for name, value in renamed.items()
        # All weights are set: what they began with does not matter, and its settings differ.
        if name in known and not name.endswith("_initializer")
    }


def _plain(value: Any) -> Any:
    """Bring nested descriptions into the form of Keras 2."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    if value["class_name"] == "DTypePolicy":
        return value["config"]["name"]
    layer = value.get("module") == "keras.layers"
    return {
        "class_name": value["class_name"],
        "config": _settings(value) if layer else value["config"],
    }


def _functional(config: Mapping[str, Any]) -> Any:
    """Make a functional model: each layer is called once all that it reads is there."""
    layers = {entry["name"]: _model(entry) for entry in config["layers"]}
    made: dict[tuple[str, int], list[Any]] = {}
    waiting = []
    for entry in config["layers"]:
        if entry["class_name"] == "InputLayer":
            made[entry["name"], 0] = _listed(layers[entry["name"]].output)
        waiting += [(entry["name"], i, node) for i, node in enumerate(entry["inbound_nodes"])]
    while waiting:
        ready = [call for call in waiting if all(place[:2] in made for place in _read(call[2]))]
        if not ready:
            raise InputError(
                f"circular connections between layers {sorted({name for name, *_ in waiting})}"
            )
        for name, i, node in ready:
            tensors = [made[place[:2]][place[2]] for place in _read(node)]
            made[name, i] = _listed(layers[name](tensors[0] if len(tensors) == 1 else tensors))
        waiting = [call for call in waiting if call not in ready]
    ends = (
        [made[name, node][tensor] for name, node, tensor in _places(config[which])]
        for which in ("input_layers", "output_layers")
    )
    return tf_keras.Model(*ends, name=config["name"])


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, list | tuple) else [found]


def _read(node: Any) -> list[tuple[str, int, int]]:
    """List the tensors that a call reads."""
    if isinstance(node, list):
        return [place for item in node for place in _read(item)]
    if not isinstance(node, dict):
        return []
    if node.get("class_name") == "__keras_tensor__":
        name, call, tensor = node["config"]["keras_history"]
        return [(name, call, tensor)]
    return [place for value in node.values() for place in _read(value)]


def _places(ends: Any) -> list[tuple[str, int, int]]:
    """List the ends of a model, which may be one, or several in a list."""
    if len(ends) == 3 and isinstance(ends[0], str):
        return [tuple(ends)]
    return [place for end in ends for place in _places(end)]


def _set_weights(model: Any, arrays: Mapping[str, np.ndarray], prefix: str = "") -> None:
    """Set the weights of all layers, named by their place and counted."""
    for layer in model.layers:
        place = f"{prefix}{layer.name}"
        if hasattr(layer, "layers"):
            _set_weights(layer, arrays, f"{place}/")
            continue
        weights = [arrays[f"{place}/{i}"] for i in range(len(layer.weights))]
        layer.set_weights(weights)
