"""Layer-by-layer comparison of integers in a quantized Keras model and in its Akida program."""

from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Deviation:
    """Difference between the integers of a layer in both models.

    Attributes:
        share: Share of the layer's outputs that differ, in [0, 1].
        worst: Largest difference, in levels.
    """

    share: float
    worst: int


@dataclass(frozen=True)
class LayerDifference:
    """The first layer of a program whose integers differ from those of the Keras model.

    Attributes:
        layer: Name of the layer.
        type: Akida's type of the layer.
        deviation: How far the layer differs; None if it is the last layer, which was not measured:
            all layers before it are equal or cannot be compared.
    """

    layer: str
    type: str
    deviation: Deviation | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        deviation = {} if self.deviation is None else asdict(self.deviation)
        return {"layer": self.layer, "type": self.type, **deviation}


def find_first_difference(
    quantized: tf_keras.Model, program: akida.Model, x: np.ndarray
) -> LayerDifference:
    """Find the first layer of a program whose integers differ from those of the Keras model.

    Args:
        quantized: Quantized Keras model that the program was converted from.
        program: Akida model, not mapped on a device.
        x: Samples with different potentials, (n, ...); only the first `MAX_SAMPLES` are traced.

    Returns:
        The layer and its difference. If all layers that can be compared are equal, it is the last
        layer, without a measured difference.
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
        deviation = _compare_layer(program, layer, outputs[layer.name], x)
        if deviation is not None:
            return LayerDifference(layer.name, layer.parameters.layer_type.name, deviation)
    return LayerDifference(inner[-1].name, inner[-1].parameters.layer_type.name)


def _compare_layer(
    program: akida.Model, layer: akida.Layer, levels: np.ndarray, x: np.ndarray
) -> Deviation | None:
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
    return Deviation(share=float((distances > 0).mean()), worst=int(distances.max()))


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
