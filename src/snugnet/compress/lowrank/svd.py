"""Truncated singular value decomposition of a Dense layer or a 1x1 convolution into two layers."""

import math

import numpy as np

from snugnet.compress.graph.functional import Chain
from snugnet.models.loading.keras2 import tf_keras


def compute_full_rank(layer: tf_keras.layers.Layer) -> int:
    """Compute the rank at which the decomposition is exact.

    Args:
        layer: A Dense layer, or a Conv2D with a 1x1 kernel.

    Returns:
        The smaller number of inputs and outputs.
    """
    return int(min(layer.kernel.shape[-2:]))


def compute_cost(layer: tf_keras.layers.Layer, rank: int) -> tuple[int, int]:
    """Compute the cost of the two layers.

    Args:
        layer: A Dense layer, or a Conv2D with a 1x1 kernel.
        rank: The rank.

    Returns:
        The number of parameters of both kernels, and the multiply-accumulates of one sample.
    """
    inputs, outputs = (int(n) for n in layer.kernel.shape[-2:])
    parameters = rank * (inputs + outputs)
    return parameters, parameters * math.prod(layer.output_shape[1:-1])


def factorize(layer: tf_keras.layers.Layer, rank: int) -> Chain:
    """Split W, (inputs, outputs), into (inputs, rank) and (rank, outputs).

    Each of the two gets the square roots of the singular values. So neither needs a much wider
    range than the other when it is quantized.

    Args:
        layer: A Dense layer, or a Conv2D with a 1x1 kernel.
        rank: From 1 to `compute_full_rank(layer)`.

    Returns:
        Two layers of the same class; the second has the bias and the activation.

    Raises:
        ValueError: If the layer is of another kind, or the rank is out of range.
    """
    kernel, *bias = layer.get_weights()
    if not isinstance(layer, tf_keras.layers.Dense) and kernel.shape[:-2] != (1, 1):
        raise ValueError(f"layer {layer.name!r} must be Dense or a 1x1 Conv2D")
    full_rank = compute_full_rank(layer)
    if not 1 <= rank <= full_rank:
        raise ValueError(
            f"rank {rank} of {layer.name!r} is out of range; allowed: 1 to {full_rank}"
        )
    left, values, right = np.linalg.svd(
        kernel.reshape(kernel.shape[-2:]).astype(np.float64), full_matrices=False
    )
    root = np.sqrt(values[:rank])
    first, second = left[:, :rank] * root, root[:, np.newaxis] * right[:rank]
    shape = kernel.shape[:-2]
    return Chain(
        make_layers(layer, rank),
        [[first.reshape(*shape, *first.shape)], [second.reshape(*shape, *second.shape), *bias]],
    )


def make_layers(layer: tf_keras.layers.Layer, rank: int) -> list[tf_keras.layers.Layer]:
    """Make the two layers that replace a layer, without weights.

    Args:
        layer: A Dense layer, or a Conv2D with a 1x1 kernel.
        rank: From 1 to `compute_full_rank(layer)`.
    """
    shared = {"activation": layer.activation, "use_bias": layer.use_bias}
    if isinstance(layer, tf_keras.layers.Dense):
        return [
            tf_keras.layers.Dense(rank, use_bias=False),
            tf_keras.layers.Dense(layer.units, **shared),
        ]
    return [
        tf_keras.layers.Conv2D(rank, 1, strides=layer.strides, use_bias=False),
        tf_keras.layers.Conv2D(layer.filters, 1, **shared),
    ]


def reconstruct_kernel(chain: Chain) -> np.ndarray:
    """Multiply the factors of a chain.

    Args:
        chain: A chain that `factorize` returned.

    Returns:
        The kernel that the chain represents, (inputs, outputs), also for a 1x1 convolution.
    """
    (first, *_), (second, *_) = chain.weights
    return first.reshape(first.shape[-2:]) @ second.reshape(second.shape[-2:])
