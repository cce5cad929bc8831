"""Layer-by-layer comparison of integers in a quantized Keras model and in its Akida program."""

from typing import Any

import akida
import numpy as np
from quantizeml.tensors import QFloat

from snugnet.akida.exact import use_chip_arithmetic
from snugnet.models.loading.keras2 import tf_keras

MAX_SAMPLES = 32
# First and last layers of a program that do not change integers.
BOUNDARY_LAYERS = (akida.LayerType.Quantizer, akida.LayerType.Dequantizer)
# Keras layers that do not change values.
SHAPING_LAYERS = ("Dropout", "Flatten", "Reshape")


def find_first_difference(
    quantized: tf_keras.Model, program: akida.Model, x: np.ndarray
) -> dict[str, Any]:
    """Find the first layer of a program whose integers differ from those of the Keras model.

    Args:
        quantized: Quantized Keras model that the program was converted from.
        program: Akida model, not mapped on a device.
        x: Samples with different potentials, (n, ...); only the first `MAX_SAMPLES` are traced.

    Returns:
        `layer`, `type`, `share` (share of the layer's outputs that differ, 0 to 1) and `worst`
        (largest difference, in levels). If all layers that can be compared are equal, the last
        layer differs, and the result has only `layer` and `type`.
    """
    x = x[:MAX_SAMPLES].astype(np.float32)
    with use_chip_arithmetic(program.ip_version.name):
        outputs = _compute_block_outputs(quantized, x, {layer.name for layer in program.layers})
    inner = [
        layer for layer in program.layers if layer.parameters.layer_type not in BOUNDARY_LAYERS
    ]
    for layer in inner[:-1]:
        if layer.name not in outputs:
            continue
        difference = _compare_layer(program, layer, outputs[layer.name], x)
        if difference is not None:
            return {**_identify(layer), **difference}
    return _identify(inner[-1])


def _identify(layer: akida.Layer) -> dict[str, Any]:
    """Return the name and the type of a layer."""
    return {"layer": layer.name, "type": layer.parameters.layer_type.name}


def _compare_layer(
    program: akida.Model, layer: akida.Layer, levels: np.ndarray, x: np.ndarray
) -> dict[str, Any] | None:
    """Compare one layer's output with Keras; None if equal or if the program cannot end there."""
    position = [other.name for other in program.layers].index(layer.name)
    try:
        output = akida.Model(layers=program.layers[: position + 1]).forward(x)
    except (RuntimeError, ValueError):
        return None  # the layer lies on one of two branches that are not yet joined
    if output.size != levels.size:
        return None
    distances = np.abs(output.reshape(levels.shape) - levels)
    if not distances.any():
        return None
    return {"share": float((distances > 0).mean()), "worst": int(distances.max())}


def _compute_block_outputs(
    quantized: tf_keras.Model, x: np.ndarray, names: set[str]
) -> dict[str, np.ndarray]:
    """Compute the output of each block; a layer whose name is in `names` starts a block."""
    # For the id of each tensor: its value, and the block that it belongs to.
    values: dict[int, tuple[Any, str]] = {id(quantized.input): (x, "")}
    outputs: dict[str, np.ndarray] = {}
    for layer in quantized.layers[1:-1]:
        tensors = layer.input if isinstance(layer.input, list) else [layer.input]
        inputs = [values[id(tensor)][0] for tensor in tensors]
        output = layer(inputs if len(inputs) > 1 else inputs[0])
        block = layer.name if layer.name in names else values[id(tensors[0])][1]
        values[id(layer.output)] = (output, block)
        if type(layer).__name__.removeprefix("Quantized") not in SHAPING_LAYERS:
            outputs[block] = _get_integers(output)
    return outputs


def _get_integers(values: Any) -> np.ndarray:
    """Get the integers of a quantized tensor."""
    integers: np.ndarray = (values.fp if isinstance(values, QFloat) else values).values.numpy()
    return integers
