"""Tucker-2 decomposition of a convolution into 1x1, a small core, and 1x1.

After Kim et al., "Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile
Applications" (ICLR 2016).
"""

import math

import numpy as np
from tensorly.decomposition import partial_tucker

from snugnet.compress.graph.functional import Chain
from snugnet.models.loading.keras2 import tf_keras


def compute_full_ranks(layer: tf_keras.layers.Layer) -> tuple[int, int]:
    """Compute the ranks at which the decomposition is exact.

    Args:
        layer: A Conv2D.

    Returns:
        The ranks of inputs and of outputs.
    """
    height, width, inputs, outputs = layer.kernel.shape
    area = int(height * width)
    return min(inputs, area * outputs), min(outputs, area * inputs)


def compute_cost(layer: tf_keras.layers.Layer, ranks: tuple[int, int]) -> tuple[int, int]:
    """Compute the cost of the three convolutions.

    Args:
        layer: A Conv2D.
        ranks: The ranks of inputs and of outputs.

    Returns:
        The number of parameters of the kernels, and the multiply-accumulates of one sample.
    """
    height, width, inputs, outputs = (int(n) for n in layer.kernel.shape)
    before, after = (math.prod(shape[1:-1]) for shape in (layer.input_shape, layer.output_shape))
    first, last = inputs * ranks[0], ranks[1] * outputs
    core = height * width * ranks[0] * ranks[1]
    return first + core + last, before * first + after * (core + last)


def factorize(layer: tf_keras.layers.Layer, ranks: tuple[int, int]) -> Chain:
    """Split a kernel (h, w, inputs, outputs) into 1x1, (h, w, input rank, output rank) and 1x1.

    Args:
        layer: A Conv2D with one group.
        ranks: The ranks of inputs and of outputs, each from 1 to that of
            `compute_full_ranks(layer)`.

    Returns:
        Three Conv2D layers. The middle one has strides, dilation and padding; the last one has the
        bias and the activation.

    Raises:
        ValueError: If the layer is of another kind, or a rank is out of range.
    """
    if type(layer) is not tf_keras.layers.Conv2D or layer.groups != 1:
        raise ValueError(f"layer {layer.name!r} must be Conv2D with groups=1")
    for rank, full in zip(ranks, compute_full_ranks(layer), strict=True):
        if not 1 <= rank <= full:
            raise ValueError(
                f"ranks {ranks} of {layer.name!r} are out of range; the maximum is {full}"
            )
    kernel, *bias = layer.get_weights()
    (core, (inputs, outputs)), _ = partial_tucker(
        kernel.astype(np.float64), rank=list(ranks), modes=[2, 3], init="svd"
    )
    return Chain(
        make_layers(layer, ranks),
        [[inputs[np.newaxis, np.newaxis]], [core], [outputs.T[np.newaxis, np.newaxis], *bias]],
    )


def make_layers(
    layer: tf_keras.layers.Conv2D, ranks: tuple[int, int]
) -> list[tf_keras.layers.Layer]:
    """Make the three layers that replace a convolution, without weights.

    Args:
        layer: A Conv2D with one group.
        ranks: The ranks of inputs and of outputs.
    """
    conv = tf_keras.layers.Conv2D
    return [
        conv(ranks[0], 1, use_bias=False),
        conv(
            ranks[1],
            layer.kernel_size,
            strides=layer.strides,
            padding=layer.padding,
            dilation_rate=layer.dilation_rate,
            use_bias=False,
        ),
        conv(layer.filters, 1, activation=layer.activation, use_bias=layer.use_bias),
    ]


def reconstruct_kernel(chain: Chain) -> np.ndarray:
    """Multiply the factors of a chain.

    Args:
        chain: A chain that `factorize` returned.

    Returns:
        The kernel that the chain represents, (h, w, inputs, outputs).
    """
    inputs, core, outputs = (weights[0] for weights in chain.weights)
    return np.einsum("ir,hwrs,so->hwio", inputs[0, 0], core, outputs[0, 0])
