"""Tensor-train decomposition of a Dense layer into a chain of small layers.

After Novikov et al., "Tensorizing Neural Networks" (NeurIPS 2015). The product is computed by
Reshape, Permute and Dense layers. QAT and TFLite's integer kernels support these; they would reject
a custom layer.
"""

import math

import numpy as np
from tensorly.decomposition import tensor_train_matrix

from snugnet.compress.graph.functional import Chain
from snugnet.models.loading.keras2 import tf_keras


def compute_full_ranks(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[int, ...]:
    """Compute the inner ranks at which the decomposition is exact.

    Args:
        inputs: Factors of the number of inputs.
        outputs: As many factors of the number of outputs.

    Returns:
        The ranks, one fewer than there are factors.
    """
    sizes = [i * o for i, o in zip(inputs, outputs, strict=True)]
    return tuple(
        min(math.prod(sizes[:cut]), math.prod(sizes[cut:])) for cut in range(1, len(sizes))
    )


def compute_cost(
    layer: tf_keras.layers.Dense,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    ranks: tuple[int, ...],
) -> tuple[int, int]:
    """Compute the cost of the chain.

    The 1x1 depthwise convolution that adds a bias counts too: one weight and one product per
    output.

    Args:
        layer: A Dense layer.
        inputs: Factors of the number of inputs.
        outputs: As many factors of the number of outputs.
        ranks: The inner ranks.

    Returns:
        The number of parameters, and the multiply-accumulates of one sample.
    """
    bounds = (1, *ranks, 1)
    parameters = macs = layer.units if layer.use_bias else 0
    size = math.prod(inputs)
    for i, (factor, units) in enumerate(zip(inputs, outputs, strict=True)):
        core = bounds[i] * factor * units * bounds[i + 1]
        rows = size // (bounds[i] * factor)
        parameters, macs = parameters + core, macs + rows * core
        size = rows * units * bounds[i + 1]
    return parameters, macs


def factorize(
    layer: tf_keras.layers.Dense,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    ranks: tuple[int, ...],
) -> Chain:
    """Split W, (inputs, outputs), into cores (rank, input factor, output factor, next rank).

    The inputs are contracted core by core. The axis of the next factor is moved to the end, beside
    the rank, and a Dense layer multiplies both by the core.

    Args:
        layer: A Dense layer on inputs of shape (batch, features).
        inputs: Factors of the number of inputs, at least two.
        outputs: As many factors of the number of outputs.
        ranks: The inner ranks, each from 1 to that of `compute_full_ranks`.

    Returns:
        The chain; its last layers add the bias and the activation.

    Raises:
        ValueError: If factors or ranks do not fit the layer.
    """
    _check(layer, inputs, outputs, ranks)
    kernel, *bias = layer.get_weights()
    cores = tensor_train_matrix(
        kernel.astype(np.float64).reshape(*inputs, *outputs), rank=[1, *ranks, 1]
    )
    weights: list[list[np.ndarray]] = []
    for core in cores:
        rank, factor, units, next_rank = core.shape
        matrix = np.asarray(core).reshape(rank * factor, units * next_rank)
        weights += [[], [], [], [matrix]]
    if bias:
        weights += [[], [np.ones((1, 1, layer.units, 1)), *bias]]
    return Chain(make_layers(layer, inputs, outputs, ranks), [*weights, [], []])


def make_layers(
    layer: tf_keras.layers.Dense,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    ranks: tuple[int, ...],
) -> list[tf_keras.layers.Layer]:
    """Make the layers that replace a layer, without weights.

    Args:
        layer: A Dense layer on inputs of shape (batch, features).
        inputs: Factors of the number of inputs, at least two.
        outputs: As many factors of the number of outputs.
        ranks: The inner ranks.

    Returns:
        Three layers that move axes and a Dense layer for each core, then layers for the bias, if
        there is one, and for the activation.
    """
    layers: list[tf_keras.layers.Layer] = []
    bounds = (1, *ranks, 1)
    # Number of values between two cores, for one sample.
    size = math.prod(inputs)
    for i, (factor, units) in enumerate(zip(inputs, outputs, strict=True)):
        rows, columns = bounds[i] * factor, units * bounds[i + 1]
        # At this point, the axis of the factor is the first of the remaining ones.
        layers += [
            tf_keras.layers.Reshape((factor, size // factor)),
            tf_keras.layers.Permute((2, 1)),
            tf_keras.layers.Reshape((size // rows, rows)),
            tf_keras.layers.Dense(columns, use_bias=False),
        ]
        size = size // rows * columns
    if layer.use_bias:
        # The only Keras layer that can add just a bias is a 1x1 depthwise convolution with weights
        # of 1.
        layers += [
            tf_keras.layers.Reshape((1, 1, layer.units)),
            tf_keras.layers.DepthwiseConv2D(1),
        ]
    return [
        *layers,
        tf_keras.layers.Reshape((layer.units,)),
        tf_keras.layers.Activation(layer.activation),
    ]


def reconstruct_kernel(
    chain: Chain, inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> np.ndarray:
    """Multiply the cores of a chain.

    Args:
        chain: A chain that `factorize` returned.
        inputs: Factors of the number of inputs.
        outputs: Factors of the number of outputs.

    Returns:
        The kernel that the chain represents, (inputs, outputs).
    """
    # Shape: (inputs so far, outputs so far, rank).
    product = np.ones((1, 1, 1))
    cores = [weights[0] for weights in chain.weights if weights and weights[0].ndim == 2]
    for core, factor, units in zip(cores, inputs, outputs, strict=True):
        core = core.reshape(product.shape[-1], factor, units, -1)
        product = np.einsum("abr,rfus->afbus", product, core)
        product = product.reshape(
            product.shape[0] * factor, product.shape[2] * units, product.shape[-1]
        )
    return product[:, :, 0]


def _check(
    layer: tf_keras.layers.Dense,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    ranks: tuple[int, ...],
) -> None:
    """Check that factors and ranks fit a layer; raise ValueError otherwise."""
    if type(layer) is not tf_keras.layers.Dense or len(layer.input.shape) != 2:
        raise ValueError(f"layer {layer.name!r} must be Dense with flat inputs")
    if len(inputs) < 2 or len(inputs) != len(outputs):
        raise ValueError(
            f"layer {layer.name!r}: {inputs} and {outputs} must have the same length, at least 2"
        )
    products = (math.prod(inputs), math.prod(outputs))
    if products != tuple(layer.kernel.shape):
        raise ValueError(
            f"layer {layer.name!r}: the products of {inputs} and {outputs} are {products}, not "
            f"{tuple(layer.kernel.shape)}"
        )
    full = compute_full_ranks(inputs, outputs)
    if len(ranks) != len(full) or not all(1 <= r <= f for r, f in zip(ranks, full, strict=True)):
        raise ValueError(f"ranks {ranks} of {layer.name!r} are out of range; the maximum is {full}")
