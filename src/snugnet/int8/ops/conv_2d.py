"""CONV_2D: sums over windows of an image, one for each output channel."""

from typing import Any

import numpy as np

from snugnet.int8.node import Explain, Kernel, Node, Run
from snugnet.int8.parameters import Convolution, Rounding
from snugnet.int8.sums import Sums, make_convolution_sums
from snugnet.int8.windows import Windows, make_windows, split_into_blocks

# Code of int32 in the schema's `TensorType`; a value of the option `quantizedBiasType`.
INT32 = 2


def prepare(node: Node) -> Kernel:
    """Prepare a convolution.

    Real meaning: out[n, y, x, o] = bias[o] + sum over i, j, c of weights[o, i, j, c] *
    in[n, y s + i d - p, x s + j d - p, c], over the elements within the image; then the fused
    activation. The convolution is grouped if the weights have fewer channels than the image.

    int8: the sum of (in - zero point) * weight and the bias is int32, and is rounded twice
    (`Rounding.TWICE`). It wraps if it overflows.
    int16: no zero points. `litert_ref` adds in int64 unless the option `quantizedBiasType` is
    int32. `tflm` adds in int64 if the bias is int64; without a bias, it follows that option too.
    int64 sums are rounded once with a multiplier of 16 bits (`Rounding.WIDE`), int32 sums twice.
    Saturation: at the limits of the type and of the activation. `litert_ref` requires a bias.

    Kernels: `reference_integer_ops::ConvPerChannel` of both runtimes.

    Args:
        node: Inputs: image (n, height, width, channels), weights (outputs, height, width, channels
            of a group), bias (outputs,) or none.
    """
    input_tensor, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    node.require(
        len(input_tensor.shape) == len(weights.shape) == 4, "image and weights must have rank 4"
    )
    node.require(bias is not None or node.is_tflm, "has no bias, which LiteRT requires")
    outputs, height, width, channels = weights.shape
    groups = input_tensor.shape[3] // max(channels, 1)
    node.require(
        min(weights.shape) > 0 and groups * channels == input_tensor.shape[3] and groups > 0,
        f"weights of shape {list(weights.shape)} do not fit input {list(input_tensor.shape)}",
    )
    node.require(
        outputs % groups == 0, f"{outputs} output channels are not divisible by {groups} groups"
    )
    sums = make_convolution_sums(node, input_tensor, weights, bias, 0, choose_rounding(node, bias))
    dilation = node.option("dilationHFactor", 1), node.option("dilationWFactor", 1)
    windows = make_windows(node, input_tensor.shape, (height, width), dilation)
    node.require_shape(node.output, (input_tensor.shape[0], *windows.output_size, outputs))
    return Kernel(
        _make_run(windows, sums, groups),
        _make_explain(windows, sums, groups),
        Convolution(sums.parameters, windows, groups),
    )


def choose_rounding(node: Node, bias: Any) -> Rounding:
    """Choose the rounding method of a convolution by its type, bias and profile.

    Args:
        node: CONV_2D or TRANSPOSE_CONV operator.
        bias: Tensor of the bias, or None.

    Returns:
        The rounding method of the kernel.

    Raises:
        ModelFormatError: If LiteRT would read the bias as another type than it has.
    """
    if node.output.dtype != "int16":
        return Rounding.TWICE
    has_int32_option = node.option("quantizedBiasType") == INT32
    if node.is_tflm:
        is_int32 = has_int32_option if bias is None else bias.dtype == "int32"
        return Rounding.TWICE if is_int32 else Rounding.WIDE
    is_int64 = not has_int32_option
    node.require(
        bias is None or bias.dtype == ("int64" if is_int64 else "int32"),
        "quantizedBiasType does not match the type of the bias",
    )
    return Rounding.WIDE if is_int64 else Rounding.TWICE


def _make_run(windows: Windows, sums: Sums, groups: int) -> Run:
    outputs, height, width, channels = sums.weights.shape
    outputs_per_group = outputs // groups
    # Shape: (groups, elements of a window, outputs of a group).
    matrices = (
        sums.weights.reshape(groups, outputs_per_group, -1).transpose(0, 2, 1).astype(sums.dtype)
    )
    size = np.dtype(sums.dtype).itemsize
    row_bytes = windows.output_size[1] * height * width * channels * size

    def compute_block(image: np.ndarray, rows: slice) -> np.ndarray:
        view = windows.view(image)[:, rows]
        count = view.shape[0] * view.shape[1] * view.shape[2]
        sums_of_products = np.empty((count, outputs), sums.dtype)
        patches = np.empty((*view.shape[:5], channels), sums.dtype)
        for group, matrix in enumerate(matrices):
            np.copyto(patches, view[..., group * channels : (group + 1) * channels])
            sums_of_products[:, group * outputs_per_group : (group + 1) * outputs_per_group] = (
                patches.reshape(count, -1) @ matrix
            )
        return sums.finish(sums_of_products).reshape(*view.shape[:3], outputs)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        images = x.reshape(-1, *x.shape[2:])
        out = np.empty((len(images), *windows.output_size, outputs), x.dtype)
        for chunk in split_into_blocks(len(images), windows.output_size[0] * row_bytes):
            image = windows.pad(images[chunk], sums.input_zero_point)
            for rows in split_into_blocks(windows.output_size[0], row_bytes * len(image)):
                out[chunk, rows] = compute_block(image, rows)
        return out.reshape(*x.shape[:2], *out.shape[1:])

    return run


def _make_explain(windows: Windows, sums: Sums, groups: int) -> Explain:
    outputs_per_group, channels = len(sums.weights) // groups, sums.weights.shape[3]

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        sample, row, column, output = index
        first = output // outputs_per_group * channels
        image = windows.pad(arrays[0][sample : sample + 1], sums.input_zero_point)
        values = windows.view(image)[0, row, column, :, :, first : first + channels].astype(
            np.int64
        )
        total = int(((values - sums.input_zero_point) * sums.weights[output]).sum())
        return [("window", values.tolist()), *sums.explain(total, output)]

    return explain
