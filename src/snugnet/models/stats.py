"""How large a model is: parameters, non-zeros and multiply-accumulates, counted from its graph."""

import math
from typing import Any

import numpy as np

from snugnet.models.loading.keras2 import tf_keras

# Layers whose kernels are pruned and factorized.
PRUNABLE = (tf_keras.layers.Conv1D, tf_keras.layers.Conv2D, tf_keras.layers.Dense)


def stats(model: tf_keras.Model) -> dict[str, Any]:
    """Count a model.

    Batch normalization is counted as it is stored; its multiplications are not, because the
    converter folds them into the layer before.

    Returns:
        `parameters` (all weights), `nonzero` (those that are not 0), `macs` (multiply-accumulates
        of one sample), `zeros` (their share in the kernels of convolutions and dense layers),
        `dead_layers` (names of those whose kernel is all zero) and `layers`: one mapping a layer
        with weights, with `zeros` and `rank` (of the matrix inputs x outputs) of such kernels.
    """
    rows = [_row(layer) for layer in model.layers if layer.weights]
    return {
        "parameters": sum(row["parameters"] for row in rows),
        "nonzero": sum(row["nonzero"] for row in rows),
        "macs": sum(row["macs"] for row in rows),
        "zeros": _zeros([row for row in rows if row["zeros"] is not None]),
        "dead_layers": [row["name"] for row in rows if row["rank"] == 0],
        "layers": rows,
    }


def _zeros(rows: list[dict[str, Any]]) -> float | None:
    """Weigh the shares of zeros by the sizes of the kernels."""
    sizes = [math.prod(row["shapes"][0]) for row in rows]
    return float(np.average([row["zeros"] for row in rows], weights=sizes)) if rows else None


def _row(layer: tf_keras.layers.Layer) -> dict[str, Any]:
    weights = layer.get_weights()
    kernel = weights[0] if type(layer) in PRUNABLE else None
    return {
        "name": layer.name,
        "class": type(layer).__name__,
        "shapes": [list(weight.shape) for weight in weights],
        "parameters": int(sum(weight.size for weight in weights)),
        "nonzero": int(sum(np.count_nonzero(weight) for weight in weights)),
        "macs": macs(layer),
        "zeros": None if kernel is None else float(np.mean(kernel == 0)),
        "rank": None if kernel is None else _rank(kernel),
    }


def _rank(kernel: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(kernel.reshape(-1, kernel.shape[-1])))


def macs(layer: tf_keras.layers.Layer) -> int:
    """Count the multiply-accumulates of one sample in a layer; 0 for layers without products."""
    layers = tf_keras.layers
    outputs = layer.output_shape[1:]
    if isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D):
        return math.prod(layer.kernel_size) * math.prod(outputs)
    if isinstance(layer, layers.SeparableConv1D | layers.SeparableConv2D):
        # Depthwise first, whose channels each output then reads.
        positions, channels = math.prod(outputs[:-1]), layer.pointwise_kernel.shape[-2]
        return positions * channels * (math.prod(layer.kernel_size) + layer.filters)
    if isinstance(layer, layers.Conv1D | layers.Conv2D):
        return math.prod(layer.kernel.shape[:-1]) * math.prod(outputs)
    if isinstance(layer, layers.Dense):
        return int(layer.kernel.shape[0]) * math.prod(outputs)
    return 0
