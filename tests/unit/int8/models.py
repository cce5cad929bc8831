"""Small full-integer networks of several operators, written without TensorFlow."""

import numpy as np

from tests.tflite_files import Node, Tensor, constant, write


def _weights(rng: np.random.Generator, shape: tuple[int, ...], axis: int = 0) -> Tensor:
    values = rng.integers(-127, 128, shape).astype(np.int8)
    return Tensor(shape, "int8", list(rng.uniform(0.002, 0.02, shape[axis])), 0, values, axis)


def _bias(rng: np.random.Generator, input_scale: float, weights: Tensor) -> Tensor:
    """Write a bias in the scales of the products, which the default kernels ask for."""
    scales = [float(np.float32(input_scale) * np.float32(scale)) for scale in weights.scale]
    return constant(rng.integers(-500, 500, len(scales)), "int32", scale=scales)


def network(batch: int = 1, float_ends: bool = False) -> bytes:
    """Write convolution, depthwise one, pooling, dense layer and softmax."""
    rng = np.random.default_rng(1)
    end_type = "float32" if float_ends else "int8"
    first, second = _weights(rng, (4, 3, 3, 2)), _weights(rng, (1, 3, 3, 4), 3)
    tensors = [
        Tensor((batch, 8, 8, 2), end_type, None if float_ends else 0.1, 3 if not float_ends else 0),
        first,
        _bias(rng, 0.1, first),
        Tensor((batch, 4, 4, 4), "int8", 0.2, -128),
        second,
        _bias(rng, 0.2, second),
        Tensor((batch, 4, 4, 4), "int8", 0.4, 5),
        Tensor((batch, 2, 2, 4), "int8", 0.4, 5),
        constant([batch, 16]),
        Tensor((batch, 16), "int8", 0.4, 5),
        Tensor((3, 16), "int8", 0.01, 0, rng.integers(-127, 128, (3, 16)).astype(np.int8)),
        constant([10, -20, 30], "int32", scale=0.004),
        Tensor((batch, 3), "int8", 0.3, -4),
        Tensor((batch, 3), "int8", 1 / 256, -128),
    ]
    nodes = [
        Node(
            "CONV_2D",
            [0, 1, 2],
            [3],
            {"kind": "Conv2DOptions", "strideH": 2, "strideW": 2, "fusedActivationFunction": 1},
        ),
        Node(
            "DEPTHWISE_CONV_2D",
            [3, 4, 5],
            [6],
            {"kind": "DepthwiseConv2DOptions", "strideH": 1, "strideW": 1, "depthMultiplier": 1},
        ),
        Node(
            "AVERAGE_POOL_2D",
            [6],
            [7],
            {
                "kind": "Pool2DOptions",
                **{"strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2},
            },
        ),
        Node("RESHAPE", [7, 8], [9], {"kind": "ReshapeOptions", "newShape": [batch, 16]}),
        Node("FULLY_CONNECTED", [9, 10, 11], [12], {"kind": "FullyConnectedOptions"}),
        Node("SOFTMAX", [12], [13], {"kind": "SoftmaxOptions", "beta": 1.0}),
    ]
    if not float_ends:
        return write(tensors, nodes, [0], [13])
    tensors += [Tensor((batch, 8, 8, 2), "int8", 0.1, 3), Tensor((batch, 3), "float32")]
    nodes[0] = Node("CONV_2D", [14, 1, 2], [3], nodes[0].options)
    nodes = [Node("QUANTIZE", [0], [14]), *nodes, Node("DEQUANTIZE", [13], [15])]
    return write(tensors, nodes, [0], [15])


def branches() -> bytes:
    """Write two branches that are sliced, added, multiplied, put together and averaged."""
    whole, part = (1, 6, 6, 4), (1, 6, 6, 2)
    tensors = [
        Tensor(whole, "int8", 0.05, 1),
        constant(3),
        Tensor(part, "int8", 0.05, 1),
        Tensor(part, "int8", 0.05, 1),
        Tensor(part, "int8", 0.08, -7),
        Tensor(part, "int8", 0.08, -7),
        Tensor(whole, "int8", 0.08, -7),
        constant([1, 2]),
        Tensor((1, 4), "int8", 0.04, 0),
        constant([[0, 0], [1, 2]]),
        Tensor((1, 7), "int8", 0.04, 0),
        Tensor((1, 7), "int8", 1 / 256, -128),
    ]
    nodes = [
        Node("SPLIT", [1, 0], [2, 3], {"kind": "SplitOptions", "numSplits": 2}),
        Node("ADD", [2, 3], [4], {"kind": "AddOptions", "fusedActivationFunction": 3}),
        Node("MUL", [2, 3], [5], {"kind": "MulOptions"}),
        Node("CONCATENATION", [4, 5], [6], {"kind": "ConcatenationOptions", "axis": 3}),
        Node("MEAN", [6, 7], [8], {"kind": "ReducerOptions", "keepDims": False}),
        Node("PAD", [8, 9], [10], {"kind": "PadOptions"}),
        Node("LOGISTIC", [10], [11]),
    ]
    return write(tensors, nodes, [0], [11])
