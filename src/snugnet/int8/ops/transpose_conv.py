"""TRANSPOSE_CONV: each element of an image adds a window to the output."""

from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.int8.node import Explain, Kernel, Node, Run
from snugnet.int8.ops.conv_2d import choose_rounding
from snugnet.int8.parameters import Rounding, TransposedConvolution
from snugnet.int8.sums import Sums, make_convolution_sums
from snugnet.int8.windows import Windows, make_windows, split_into_blocks


def prepare(node: Node) -> Kernel:
    """Prepare a transposed convolution.

    Real meaning: out[n, y s + i - p, x s + j - p, o] += weights[o, i, j, c] * in[n, y, x, c] for
    all elements within the output, plus bias[o]; then the fused activation. The padding p is that
    of a convolution of the output.

    int8: int32 sums, rounded twice. int16: no zero points. `litert_ref` adds and rounds as in
    CONV_2D. `tflm` always adds in int64 and rounds once with a multiplier of 16 bits.
    Saturation: at the limits of the type and of the activation. int32 sums wrap.

    Kernels: `reference_integer_ops::TransposeConv` of both runtimes.

    The output has the shape of the output tensor in the file. `tflm` does not read the first input.

    Args:
        node: Inputs: shape of the output (4,), weights (outputs, height, width, channels), image
            (n, height, width, channels), bias (outputs,) or none.
    """
    weights, input_tensor, bias = node.input(1), node.input(2), node.optional_input(3)
    node.require(
        len(input_tensor.shape) == len(weights.shape) == 4, "image and weights must have rank 4"
    )
    outputs, height, width, channels = weights.shape
    node.require(
        min(weights.shape) > 0 and channels == input_tensor.shape[3],
        f"weights of shape {list(weights.shape)} do not fit input {list(input_tensor.shape)}",
    )
    output_shape = node.output.shape
    if node.input(0).values is not None and not node.is_tflm:
        node.require_shape(node.output, node.constant_integers(0))
    node.require(
        len(output_shape) == 4
        and output_shape[0] == input_tensor.shape[0]
        and output_shape[3] == outputs
        and min(output_shape) > 0,
        f"output shape {list(output_shape)} does not fit input {list(input_tensor.shape)}",
    )
    rounding = choose_rounding(node, bias)
    if node.is_tflm and input_tensor.dtype == "int16":
        rounding = Rounding.WIDE
        node.require(bias is None or bias.dtype == "int64", "the bias must be int64")
    sums = make_convolution_sums(node, input_tensor, weights, bias, 0, rounding)
    windows = make_windows(node, output_shape, (height, width))
    canvas = [
        (size - 1) * stride + kernel
        for size, stride, kernel in zip(
            input_tensor.shape[1:3], windows.stride, windows.kernel, strict=True
        )
    ]
    node.require(
        canvas[0] * canvas[1] <= 1 << 24, f"the output before cropping is too large: {canvas}"
    )
    run = _make_run(windows, sums, output_shape, checks_shape=not node.is_tflm)
    parameters = TransposedConvolution(sums.parameters, windows)
    return Kernel(run, _make_explain(windows, sums), parameters)


def _make_run(
    windows: Windows, sums: Sums, output_shape: tuple[int, ...], checks_shape: bool
) -> Run:
    outputs, height, width, channels = sums.weights.shape
    matrix = sums.weights.transpose(3, 1, 2, 0).reshape(channels, -1).astype(np.float64)
    # The inputs are used less their zero point here, but `finish` subtracts the zero point again.
    correction = sums.input_zero_point * sums.weights.sum(axis=(1, 2, 3))
    ends = [before + size for before, size in zip(windows.padding, output_shape[1:3], strict=True)]

    def compute_block(x: np.ndarray) -> np.ndarray:
        n, rows, columns, _ = x.shape
        values = x.reshape(-1, channels).astype(np.float64) - sums.input_zero_point
        products = (values @ matrix).reshape(n, rows, columns, height, width, outputs)
        reach = [(rows - 1) * windows.stride[0] + height, (columns - 1) * windows.stride[1] + width]
        canvas = np.zeros((n, *map(max, reach, ends), outputs))
        for i in range(height):
            for j in range(width):
                bottom = i + (rows - 1) * windows.stride[0]
                right = j + (columns - 1) * windows.stride[1]
                row_slice = slice(i, bottom + 1, windows.stride[0])
                column_slice = slice(j, right + 1, windows.stride[1])
                canvas[:, row_slice, column_slice] += products[:, :, :, i, j]
        cropped = canvas[:, windows.padding[0] : ends[0], windows.padding[1] : ends[1]]
        sums_of_products = cropped + correction
        return sums.finish(sums_of_products.reshape(-1, outputs)).reshape(sums_of_products.shape)

    def run(requested_shape: np.ndarray, _: Any, x: np.ndarray, *__: Any) -> np.ndarray:
        if checks_shape and (requested_shape != output_shape).any():
            raise InputError(
                f"requested output shape {requested_shape[0].tolist()} differs from the file: "
                f"{list(output_shape)}"
            )
        images = x.reshape(-1, *x.shape[2:])
        out = np.empty((len(images), *output_shape[1:]), x.dtype)
        bytes_each = 8 * images[0].size // channels * matrix.shape[1]
        for chunk in split_into_blocks(len(images), bytes_each):
            out[chunk] = compute_block(images[chunk])
        return out.reshape(*x.shape[:2], *out.shape[1:])

    return run


def _make_explain(windows: Windows, sums: Sums) -> Explain:
    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        sample, row, column, output = index
        image = arrays[2][sample].astype(np.int64) - sums.input_zero_point
        total, elements = 0, []
        for i in range(windows.kernel[0]):
            for j in range(windows.kernel[1]):
                y, x = row + windows.padding[0] - i, column + windows.padding[1] - j
                is_on_grid = y % windows.stride[0] == 0 and x % windows.stride[1] == 0
                y, x = y // windows.stride[0], x // windows.stride[1]
                if is_on_grid and 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                    elements.append([y, x])
                    total += int((image[y, x] * sums.weights[output, i, j]).sum())
        return [("elements added", elements), *sums.explain(total, output)]

    return explain
