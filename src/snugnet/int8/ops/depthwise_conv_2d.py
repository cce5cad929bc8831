"""DEPTHWISE_CONV_2D: a separate convolution of each channel."""

from typing import Any

import numpy as np

from snugnet.int8.node import Explain, Kernel, Node, Run
from snugnet.int8.parameters import DepthwiseConvolution, Rounding
from snugnet.int8.sums import Sums, make_convolution_sums
from snugnet.int8.windows import Windows, make_windows, split_into_blocks


def prepare(node: Node) -> Kernel:
    """Prepare a depthwise convolution.

    Real meaning: out[n, y, x, o] = bias[o] + sum over i, j of weights[0, i, j, o] *
    in[n, y s + i d - p, x s + j d - p, c], with the channel c = o // depth multiplier; then the
    fused activation.

    int8: int32 sums, rounded twice, as in CONV_2D. int16: no zero points; int64 sums and bias,
    rounded once with a multiplier of 16 bits.
    Saturation: at the limits of the type and of the activation. int32 sums wrap.

    Kernels: `reference_integer_ops::DepthwiseConvPerChannel` of both runtimes.

    Args:
        node: Inputs: image (n, height, width, channels), weights (1, height, width, outputs), bias
            (outputs,). Without a bias, LiteRT refuses and TensorFlow Lite Micro aborts.
    """
    input_tensor, weights, bias = node.input(0), node.input(1), node.input(2)
    node.require(
        len(input_tensor.shape) == len(weights.shape) == 4, "image and weights must have rank 4"
    )
    first_size, height, width, outputs = weights.shape
    multiplier = outputs // max(input_tensor.shape[3], 1)
    node.require(
        first_size == 1 and outputs > 0 and multiplier * input_tensor.shape[3] == outputs,
        f"weights of shape {list(weights.shape)} do not fit input {list(input_tensor.shape)}",
    )
    # The int8 kernel of LiteRT derives the depth multiplier from the shapes. The other kernels use
    # the option.
    node.require(
        node.option("depthMultiplier") == multiplier
        or not (node.is_tflm or input_tensor.dtype == "int16"),
        f"depthMultiplier is {node.option('depthMultiplier')}, but the shapes imply {multiplier}",
    )
    rounding = Rounding.TWICE
    if input_tensor.dtype == "int16":
        rounding = Rounding.WIDE
        node.require(bias.dtype == "int64", "the bias must be int64")
    sums = make_convolution_sums(node, input_tensor, weights, bias, 3, rounding)
    dilation = node.option("dilationHFactor", 1), node.option("dilationWFactor", 1)
    windows = make_windows(node, input_tensor.shape, (height, width), dilation)
    node.require_shape(node.output, (input_tensor.shape[0], *windows.output_size, outputs))
    return Kernel(
        _make_run(windows, sums, multiplier),
        _make_explain(windows, sums, multiplier),
        DepthwiseConvolution(sums.parameters, windows, multiplier),
    )


def _make_run(windows: Windows, sums: Sums, multiplier: int) -> Run:
    weights = sums.weights[0].astype(sums.dtype)
    outputs = weights.shape[2]
    bytes_each = (
        windows.output_size[0] * windows.output_size[1] * outputs * np.dtype(sums.dtype).itemsize
    )

    def compute_block(x: np.ndarray) -> np.ndarray:
        image = windows.pad(x, sums.input_zero_point).astype(sums.dtype)
        if multiplier > 1:
            image = np.repeat(image, multiplier, axis=3)
        sums_of_products = np.empty((len(x), *windows.output_size, outputs), sums.dtype)
        sums_of_products[...] = 0
        product = np.empty_like(sums_of_products)
        for row, column, values in windows.taps(image):
            np.multiply(values, weights[row, column], out=product)
            sums_of_products += product
        return sums.finish(sums_of_products.reshape(-1, outputs)).reshape(sums_of_products.shape)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        images = x.reshape(-1, *x.shape[2:])
        out = np.empty((len(images), *windows.output_size, outputs), x.dtype)
        for chunk in split_into_blocks(len(images), 3 * bytes_each):
            out[chunk] = compute_block(images[chunk])
        return out.reshape(*x.shape[:2], *out.shape[1:])

    return run


def _make_explain(windows: Windows, sums: Sums, multiplier: int) -> Explain:
    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        sample, row, column, output = index
        image = windows.pad(arrays[0][sample : sample + 1], sums.input_zero_point)
        values = windows.view(image)[0, row, column, :, :, output // multiplier].astype(np.int64)
        total = int(((values - sums.input_zero_point) * sums.weights[0, :, :, output]).sum())
        return [("window", values.tolist()), *sums.explain(total, output)]

    return explain
