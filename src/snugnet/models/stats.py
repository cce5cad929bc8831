"""How large a model is: parameters, non-zeros and multiply-accumulates, counted from its graph."""

import math
from typing import Any

import numpy as np

from snugnet.models.keras2 import tf_keras


def stats(model: tf_keras.Model) -> dict[str, Any]:
    """Count a model.

    Batch normalization is counted as it is stored; its multiplications are not, because the
    converter folds them into the layer before.

    Returns:
        `parameters` (all weights), `nonzero` (those that are not 0), `macs` (multiply-accumulates
        of one sample) and `layers`: one mapping a layer with weights.
    """
    rows = [_row(layer) for layer in model.layers if layer.weights]
    return {
        "parameters": sum(row["parameters"] for row in rows),
        "nonzero": sum(row["nonzero"] for row in rows),
        "macs": sum(row["macs"] for row in rows),
        "layers": rows,
    }


def _row(layer: tf_keras.layers.Layer) -> dict[str, Any]:
    weights = layer.get_weights()
    return {
        "name": layer.name,
        "class": type(layer).__name__,
        "shapes": [list(weight.shape) for weight in weights],
        "parameters": int(sum(weight.size for weight in weights)),
        "nonzero": int(sum(np.count_nonzero(weight) for weight in weights)),
        "macs": macs(layer),
    }


def macs(layer: tf_keras.layers.Layer) -> int:
    """Count the multiply-accumulates of one sample in a layer; 0 for layers without products."""
    layers = tf_keras.layers
    outputs = layer.output_shape[1:]
    if isinstance(layer, layers.DepthwiseConv2D):
        return math.prod(layer.kernel_size) * math.prod(outputs)
    if isinstance(layer, layers.Conv2D):
        return math.prod(layer.kernel.shape[:-1]) * math.prod(outputs)
    if isinstance(layer, layers.Dense):
        return int(layer.kernel.shape[0]) * math.prod(outputs)
    return 0
