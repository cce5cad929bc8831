"""CONV_2D: sums over windows of an image, one for each output channel."""

from typing import Any

import numpy as np

from snugnet.int8.node import Explain, Kernel, Node, Run
from snugnet.int8.sums import Rounding, Sums, convolution_sums
from snugnet.int8.windows import Windows, blocks, windows

INT32 = 2  # of the schema's TensorType, in `quantizedBiasType`


def prepare(node: Node) -> Kernel:
    """Prepare a convolution.

    Real meaning: out[n, y, x, o] = bias[o] + sum over i, j, c of weights[o, i, j, c] *
    in[n, y s + i d - p, x s + j d - p, c], nothing being added where the image ends; then the fused
    activation. In groups, if the weights have fewer channels than the image.

    int8: the sum of (in - zero point) * weight and the bias is int32, and is rounded twice
    (`Rounding.TWICE`). It wraps if it overflows.
    int16: no zero points. `litert_ref` adds in int64 unless the option `quantizedBiasType` is
    int32, `tflm` if the bias is int64, or without one goes by that option too; int64 sums are
    rounded once with a multiplier of 16 bits (`Rounding.WIDE`), int32 sums twice.
    Saturation: at the limits of the type and of the activation. `litert_ref` needs a bias.

    Kernels: `reference_integer_ops::ConvPerChannel` of both runtimes.

    Args:
        node: Inputs: image (n, height, width, channels), weights (outputs, height, width, channels
            of a group), bias (outputs,) or none.
    """
    given, weights, bias = node.input(0), node.input(1), node.optional(2)
    node.require(len(given.shape) == len(weights.shape) == 4, "image and weights must have rank 4")
    node.require(bias is not None or node.tflm, "has no bias, which LiteRT requires")
    outputs, height, width, channels = weights.shape
    groups = given.shape[3] // max(channels, 1)
    node.require(
        min(weights.shape) > 0 and groups * channels == given.shape[3] and groups > 0,
        f"weights of shape {list(weights.shape)} do not fit input {list(given.shape)}",
    )
    node.require(
        outputs % groups == 0, f"{outputs} output channels are not divisible by {groups} groups"
    )
    sums = convolution_sums(node, given, weights, bias, 0, rounding(node, bias))
    dilation = node.option("dilationHFactor", 1), node.option("dilationWFactor", 1)
    area = windows(node, (given.shape[1], given.shape[2]), (height, width), dilation)
    node.require_shape(node.output, (given.shape[0], *area.out, outputs))
    return Kernel(_run(area, sums, groups), _explain(area, sums, groups))


def rounding(node: Node, bias: Any) -> Rounding:
    """Tell how a convolution of this input and bias rounds.

    Raises:
        ModelFormatError: If LiteRT would read the bias as another type than it has.
    """
    if node.output.dtype != "int16":
        return Rounding.TWICE
    if node.tflm:
        narrow = (
            node.option("quantizedBiasType") == INT32 if bias is None else bias.dtype == "int32"
        )
        return Rounding.TWICE if narrow else Rounding.WIDE
    wide = node.option("quantizedBiasType") != INT32
    node.require(
        bias is None or bias.dtype == ("int64" if wide else "int32"),
        "quantizedBiasType does not match the type of the bias",
    )
    return Rounding.WIDE if wide else Rounding.TWICE


def _run(area: Windows, sums: Sums, groups: int) -> Run:
    outputs, height, width, channels = sums.weights.shape
    each = outputs // groups
    # (group, elements of a window, its outputs)
    matrices = sums.weights.reshape(groups, each, -1).transpose(0, 2, 1).astype(sums.dtype)
    size = np.dtype(sums.dtype).itemsize
    row_bytes = area.out[1] * height * width * channels * size

    def block(image: np.ndarray, rows: slice) -> np.ndarray:
        view = area.view(image)[:, rows]
        count = view.shape[0] * view.shape[1] * view.shape[2]
        made = np.empty((count, outputs), sums.dtype)
        laid = np.empty((*view.shape[:5], channels), sums.dtype)
        for group, matrix in enumerate(matrices):
            np.copyto(laid, view[..., group * channels : (group + 1) * channels])
            made[:, group * each : (group + 1) * each] = laid.reshape(count, -1) @ matrix
        return sums.finish(made).reshape(*view.shape[:3], outputs)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        images = x.reshape(-1, *x.shape[2:])
        out = np.empty((len(images), *area.out, outputs), x.dtype)
        for some in blocks(len(images), area.out[0] * row_bytes):
            image = area.padded(images[some], sums.point)
            for rows in blocks(area.out[0], row_bytes * len(image)):
                out[some, rows] = block(image, rows)
        return out.reshape(*x.shape[:2], *out.shape[1:])

    return run


def _explain(area: Windows, sums: Sums, groups: int) -> Explain:
    each, channels = len(sums.weights) // groups, sums.weights.shape[3]

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        sample, row, column, output = index
        first = output // each * channels
        image = area.padded(arrays[0][sample : sample + 1], sums.point)
        values = area.view(image)[0, row, column, :, :, first : first + channels].astype(np.int64)
        total = int(((values - sums.point) * sums.weights[output]).sum())
        return [("window", values.tolist()), *sums.explain(total, output)]

    return explain
