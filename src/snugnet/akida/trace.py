"""Integers inside a quantized Keras model and inside its Akida program, layer beside layer."""

from typing import Any

import akida
import numpy as np
from quantizeml.tensors import QFloat

from snugnet.akida.exact import use_chip_arithmetic
from snugnet.models.loading.keras2 import tf_keras

MOST_SAMPLES = 32
# Layers at the ends, which change no integer.
ENDS = (akida.LayerType.Quantizer, akida.LayerType.Dequantizer)
# Layers that change no number.
SHAPING = ("Dropout", "Flatten", "Reshape")


def find_first_difference(
    quantized: tf_keras.Model, program: akida.Model, x: np.ndarray
) -> dict[str, Any]:
    """Find the first layer of a program whose integers are not those of the Keras model.

    Args:
        quantized: What the program was made from.
        program: The program.
        x: Samples of which the potentials differ, (n, ...); the first few are traced.

    Returns:
        `layer`, `type`, `share` (of its outputs that differ) and `worst` (by how many levels). If
        all layers agree that can be compared, the last one differs, and only `layer` and `type`
        are told.
    """
    x = x[:MOST_SAMPLES].astype(np.float32)
    with use_chip_arithmetic(program.ip_version.name):
        blocks = _blocks(quantized, x, {layer.name for layer in program.layers})
    inner = [layer for layer in program.layers if layer.parameters.layer_type not in ENDS]
    for layer in inner[:-1]:
        found = _difference(program, layer, blocks[layer.name], x) if layer.name in blocks else None
        if found is not None:
            return {**_named(layer), **found}
    return _named(inner[-1])


def _named(layer: akida.Layer) -> dict[str, Any]:
    return {"layer": layer.name, "type": layer.parameters.layer_type.name}


def _difference(
    program: akida.Model, layer: akida.Layer, levels: np.ndarray, x: np.ndarray
) -> dict[str, Any] | None:
    """Compare one layer; None if it is equal, or a program cannot end with it."""
    place = [other.name for other in program.layers].index(layer.name)
    try:
        made = akida.Model(layers=program.layers[: place + 1]).forward(x)
    except (RuntimeError, ValueError):
        return None  # one of two branches that are not yet joined
    if made.size != levels.size:
        return None
    apart = np.abs(made.reshape(levels.shape) - levels)
    if not apart.any():
        return None
    return {"share": float((apart > 0).mean()), "worst": int(apart.max())}


def _blocks(quantized: tf_keras.Model, x: np.ndarray, names: set[str]) -> dict[str, np.ndarray]:
    """Give what each block of a model ends with; a layer that a program names begins a block."""
    known: dict[int, tuple[Any, str]] = {id(quantized.input): (x, "")}
    blocks: dict[str, np.ndarray] = {}
    for layer in quantized.layers[1:-1]:
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        values = [known[id(tensor)][0] for tensor in given]
        made = layer(values if len(values) > 1 else values[0])
        block = layer.name if layer.name in names else known[id(given[0])][1]
        known[id(layer.output)] = (made, block)
        if type(layer).__name__.removeprefix("Quantized") not in SHAPING:
            blocks[block] = _integers(made)
    return blocks


def _integers(values: Any) -> np.ndarray:
    integers: np.ndarray = (values.fp if isinstance(values, QFloat) else values).values.numpy()
    return integers
