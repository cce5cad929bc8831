"""Size of a Keras model: parameters, nonzero weights and multiply-accumulates (MACs)."""

import math
from typing import Any

import numpy as np

from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.prunable_layers import has_prunable_kernel

# Layers whose weights scale, shift or replace values.
WITHOUT_MACS = (
    *("BatchNormalization", "Embedding", "GroupNormalization", "LayerNormalization"),
    *("Normalization", "PReLU"),
)


def compute_stats(model: tf_keras.Model) -> dict[str, Any]:
    """Count the parameters, nonzero weights and multiply-accumulates of a model.

    The parameters of batch normalization count as they are stored. Its multiplications do not
    count, because the converter folds them into the layer before.

    Args:
        model: The model.

    Returns:
        A mapping, ready for JSON:
            parameters: Number of weights.
            nonzero: Number of weights that are not 0.
            macs: Multiply-accumulates of one sample; None if a layer's are not known.
            zeros: Share of zeros in the kernels of Conv1D, Conv2D and Dense layers, 0..1; None if
                there are none.
            dead_layers: Names of those layers whose kernel is all zero.
            layers: One mapping per layer with weights: `name`, `class`, `shapes`, `parameters`,
                `nonzero`, `macs`, and for those kernels `zeros` and `rank` (of the matrix
                inputs x outputs), else None.
    """
    rows = [_make_row(layer) for layer in model.layers if layer.weights]
    return {
        "parameters": sum(row["parameters"] for row in rows),
        "nonzero": sum(row["nonzero"] for row in rows),
        "macs": None
        if any(row["macs"] is None for row in rows)
        else sum(row["macs"] for row in rows),
        "zeros": _average_zeros([row for row in rows if row["zeros"] is not None]),
        "dead_layers": [row["name"] for row in rows if row["rank"] == 0],
        "layers": rows,
    }


def _average_zeros(rows: list[dict[str, Any]]) -> float | None:
    """Average the shares of zeros, weighted by the sizes of the kernels."""
    sizes = [math.prod(row["shapes"][0]) for row in rows]
    return float(np.average([row["zeros"] for row in rows], weights=sizes)) if rows else None


def _make_row(layer: tf_keras.layers.Layer) -> dict[str, Any]:
    weights = layer.get_weights()
    kernel = weights[0] if has_prunable_kernel(layer) else None
    return {
        "name": layer.name,
        "class": type(layer).__name__,
        "shapes": [list(weight.shape) for weight in weights],
        "parameters": int(sum(weight.size for weight in weights)),
        "nonzero": int(sum(np.count_nonzero(weight) for weight in weights)),
        "macs": count_macs(layer),
        "zeros": None if kernel is None else float(np.mean(kernel == 0)),
        "rank": None if kernel is None else _compute_rank(kernel),
    }


def _compute_rank(kernel: np.ndarray) -> int:
    """Compute the rank of a kernel (..., outputs) as a matrix inputs x outputs."""
    return int(np.linalg.matrix_rank(kernel.reshape(-1, kernel.shape[-1])))


def count_macs(layer: tf_keras.layers.Layer) -> int | None:
    """Count the multiply-accumulates of a layer for one sample.

    Args:
        layer: A layer that has been called once.

    Returns:
        The number of multiply-accumulates; 0 for layers without weights, and those that only scale
        or look up values; None for other layers with weights, which are not counted.
    """
    layers = tf_keras.layers
    if isinstance(layer, layers.Bidirectional):
        steps = layer.input_shape[1] or 1
        return _count_cell(layer.forward_layer, steps) + _count_cell(layer.backward_layer, steps)
    if isinstance(layer, layers.LSTM | layers.GRU | layers.SimpleRNN):
        return _count_cell(layer, layer.input_shape[1] or 1)
    if isinstance(layer, layers.TimeDistributed):
        macs = count_macs(layer.layer) if layer.layer.inbound_nodes else None
        return None if macs is None else macs * (layer.input_shape[1] or 1)
    if isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose | layers.Conv3DTranspose):
        # Each input position adds to as many output positions as the kernel has.
        return math.prod(layer.kernel.shape) * math.prod(layer.input_shape[1:-1])
    outputs = layer.output_shape[1:]
    if isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D):
        return math.prod(layer.kernel_size) * math.prod(outputs)
    if isinstance(layer, layers.SeparableConv1D | layers.SeparableConv2D):
        # A depthwise convolution, then a 1x1 convolution that reads all of its channels.
        positions, channels = math.prod(outputs[:-1]), layer.pointwise_kernel.shape[-2]
        return positions * channels * (math.prod(layer.kernel_size) + layer.filters)
    if isinstance(layer, layers.Conv1D | layers.Conv2D | layers.Conv3D):
        return math.prod(layer.kernel.shape[:-1]) * math.prod(outputs)
    if isinstance(layer, layers.Dense):
        return int(layer.kernel.shape[0]) * math.prod(outputs)
    return 0 if not layer.weights or type(layer).__name__ in WITHOUT_MACS else None


def _count_cell(layer: Any, steps: int) -> int:
    """Count the multiply-accumulates of a recurrent layer: those of its kernels in each step."""
    kernels = (layer.cell.kernel, layer.cell.recurrent_kernel)
    return steps * sum(math.prod(kernel.shape) for kernel in kernels)
