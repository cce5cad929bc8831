"""Size of a Keras model: parameters, nonzero weights and multiply-accumulates (MACs)."""

import math
from typing import Any

import numpy as np

from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.prunable_layers import has_prunable_kernel
from snugnet.models.stats_record import LayerStats, ModelStats

# Layers whose weights scale, shift or replace values.
WITHOUT_MACS = (
    *("BatchNormalization", "Embedding", "GroupNormalization", "LayerNormalization"),
    *("Normalization", "PReLU"),
)


def compute_stats(model: tf_keras.Model) -> ModelStats:
    """Count the parameters, nonzero weights and multiply-accumulates of a model.

    The parameters of batch normalization count as they are stored. Its multiplications do not
    count, because the converter folds them into the layer before.

    Args:
        model: The model.
    """
    layers = tuple(_measure_layer(layer) for layer in model.layers if layer.weights)
    return ModelStats(
        parameters=sum(layer.parameters for layer in layers),
        nonzero=sum(layer.nonzero for layer in layers),
        macs=_sum_macs(layers),
        zeros=_average_zeros([layer for layer in layers if layer.zeros is not None]),
        layers=layers,
    )


def _sum_macs(layers: tuple[LayerStats, ...]) -> int | None:
    """Add up the multiply-accumulates; None if those of a layer are not known."""
    total = 0
    for layer in layers:
        if layer.macs is None:
            return None
        total += layer.macs
    return total


def _average_zeros(layers: list[LayerStats]) -> float | None:
    """Average the shares of zeros, weighted by the sizes of the kernels."""
    sizes = [math.prod(layer.shapes[0]) for layer in layers]
    return float(np.average([layer.zeros for layer in layers], weights=sizes)) if layers else None


def _measure_layer(layer: tf_keras.layers.Layer) -> LayerStats:
    weights = layer.get_weights()
    kernel = weights[0] if has_prunable_kernel(layer) else None
    return LayerStats(
        name=layer.name,
        class_name=type(layer).__name__,
        shapes=tuple(weight.shape for weight in weights),
        parameters=int(sum(weight.size for weight in weights)),
        nonzero=int(sum(np.count_nonzero(weight) for weight in weights)),
        macs=count_macs(layer),
        zeros=None if kernel is None else float(np.mean(kernel == 0)),
        rank=None if kernel is None else _compute_rank(kernel),
    )


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
