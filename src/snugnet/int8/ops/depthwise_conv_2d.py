"""DEPTHWISE_CONV_2D: a convolution of each channel by itself."""

from typing import Any

import numpy as np

from snugnet.int8.node import Explain, Kernel, Node, Run
from snugnet.int8.sums import Rounding, Sums, convolution_sums
from snugnet.int8.windows import Windows, blocks, windows


def prepare(node: Node) -> Kernel:
    """Prepare a depthwise convolution.

    Real meaning: out[n, y, x, o] = bias[o] + sum over i, j of weights[0, i, j, o] *
    in[n, y s + i d - p, x s + j d - p, c], of the channel c = o // depth multiplier; then the fused
    activation.

    int8: as CONV_2D: int32 sums, rounded twice. int16: no zero points, int64 sums and bias, rounded
    once with a multiplier of 16 bits.
    Saturation: at the limits of the type and of the activation. int32 sums wrap.

    Kernels: `reference_integer_ops::DepthwiseConvPerChannel` of both runtimes.

    Args:
        node: Inputs: image (n, height, width, channels), weights (1, height, width, outputs), bias
            (outputs,), without which LiteRT refuses and TensorFlow Lite Micro ends the program.
    """
    given, weights, bias = node.input(0), node.input(1), node.input(2)
    node.require(len(given.shape) == len(weights.shape) == 4, "image and weights must have rank 4")
    one, height, width, outputs = weights.shape
    multiplier = outputs // max(given.shape[3], 1)
    node.require(
        one == 1 and outputs > 0 and multiplier * given.shape[3] == outputs,
        f"weights of shape {list(weights.shape)} do not fit input {list(given.shape)}",
    )
    # LiteRT goes by the shapes for int8, the other kernels by the option.
    node.require(
        node.option("depthMultiplier") == multiplier or not (node.tflm or given.dtype == "int16"),
        f"depthMultiplier is {node.option('depthMultiplier')}, but the shapes imply {multiplier}",
    )
    rounding = Rounding.TWICE
    if given.dtype == "int16":
        rounding = Rounding.WIDE
        node.require(bias.dtype == "int64", "the bias must be int64")
    sums = convolution_sums(node, given, weights, bias, 3, rounding)
    dilation = node.option("dilationHFactor", 1), node.option("dilationWFactor", 1)
    area = windows(node, (given.shape[1], given.shape[2]), (height, width), dilation)
    node.require_shape(node.output, (given.shape[0], *area.out, outputs))
    return Kernel(_run(area, sums, multiplier), _explain(area, sums, multiplier))


def _run(area: Windows, sums: Sums, multiplier: int) -> Run:
    weights = sums.weights[0].astype(sums.dtype)
    outputs = weights.shape[2]
    each = area.out[0] * area.out[1] * outputs * np.dtype(sums.dtype).itemsize

    def block(x: np.ndarray) -> np.ndarray:
        image = area.padded(x, sums.point).astype(sums.dtype)
        if multiplier > 1:
            image = np.repeat(image, multiplier, axis=3)
        made = np.empty((len(x), *area.out, outputs), sums.dtype)
        made[...] = 0
        product = np.empty_like(made)
        for row, column, values in area.taps(image):
            np.multiply(values, weights[row, column], out=product)
            made += product
        return sums.finish(made.reshape(-1, outputs)).reshape(made.shape)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        images = x.reshape(-1, *x.shape[2:])
        out = np.empty((len(images), *area.out, outputs), x.dtype)
        for some in blocks(len(images), 3 * each):
            out[some] = block(images[some])
        return out.reshape(*x.shape[:2], *out.shape[1:])

    return run


def _explain(area: Windows, sums: Sums, multiplier: int) -> Explain:
    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        sample, row, column, output = index
        image = area.padded(arrays[0][sample : sample + 1], sums.point)
        values = area.view(image)[0, row, column, :, :, output // multiplier].astype(np.int64)
        total = int(((values - sums.point) * sums.weights[0, :, :, output]).sum())
        return [("window", values.tolist()), *sums.explain(total, output)]

    return explain
