"""TRANSPOSE_CONV: each element of an image adds a window to the output."""

from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.int8.node import Explain, Kernel, Node, Run
from snugnet.int8.ops.conv_2d import rounding
from snugnet.int8.sums import Rounding, Sums, convolution_sums
from snugnet.int8.windows import Windows, blocks, windows


def prepare(node: Node) -> Kernel:
    """Prepare a transposed convolution.

    Real meaning: out[n, y s + i - p, x s + j - p, o] += weights[o, i, j, c] * in[n, y, x, c] for
    all that lies within the output, plus bias[o]; then the fused activation. The padding p is that
    of a convolution of the output.

    int8: int32 sums, rounded twice. int16: no zero points; `litert_ref` as CONV_2D, `tflm` always
    adds in int64 and rounds once with a multiplier of 16 bits.
    Saturation: at the limits of the type and of the activation. int32 sums wrap.

    Kernels: `reference_integer_ops::TransposeConv` of both runtimes.

    The output has the shape that the file gives it; `tflm` does not read the one that is asked for.

    Args:
        node: Inputs: shape of the output (4,), weights (outputs, height, width, channels), image
            (n, height, width, channels), bias (outputs,) or none.
    """
    weights, given, bias = node.input(1), node.input(2), node.optional(3)
    node.require(len(given.shape) == len(weights.shape) == 4, "image and weights must have rank 4")
    outputs, height, width, channels = weights.shape
    node.require(
        min(weights.shape) > 0 and channels == given.shape[3],
        f"weights of shape {list(weights.shape)} do not fit input {list(given.shape)}",
    )
    made = node.output.shape
    if node.input(0).values is not None and not node.tflm:
        node.require_shape(node.output, node.integers(0))
    node.require(
        len(made) == 4 and made[0] == given.shape[0] and made[3] == outputs and min(made) > 0,
        f"output shape {list(made)} does not fit input {list(given.shape)}",
    )
    how = rounding(node, bias)
    if node.tflm and given.dtype == "int16":
        how = Rounding.WIDE
        node.require(bias is None or bias.dtype == "int64", "the bias must be int64")
    sums = convolution_sums(node, given, weights, bias, 0, how)
    area = windows(node, (made[1], made[2]), (height, width))
    canvas = [
        (size - 1) * stride + kernel
        for size, stride, kernel in zip(given.shape[1:3], area.stride, area.kernel, strict=True)
    ]
    node.require(
        canvas[0] * canvas[1] <= 1 << 24, f"the output before cropping is too large: {canvas}"
    )
    return Kernel(_run(area, sums, made, not node.tflm), _explain(area, sums))


def _run(area: Windows, sums: Sums, made: tuple[int, ...], check: bool) -> Run:
    outputs, height, width, channels = sums.weights.shape
    matrix = sums.weights.transpose(3, 1, 2, 0).reshape(channels, -1).astype(np.float64)
    # Inputs are taken less their zero point here, which `finish` would subtract once more.
    again = sums.point * sums.weights.sum(axis=(1, 2, 3))
    ends = [b + size for b, size in zip(area.before, made[1:3], strict=True)]

    def block(x: np.ndarray) -> np.ndarray:
        n, rows, columns, _ = x.shape
        values = x.reshape(-1, channels).astype(np.float64) - sums.point
        products = (values @ matrix).reshape(n, rows, columns, height, width, outputs)
        reach = [(rows - 1) * area.stride[0] + height, (columns - 1) * area.stride[1] + width]
        canvas = np.zeros((n, *map(max, reach, ends), outputs))
        for i in range(height):
            for j in range(width):
                below, right = i + (rows - 1) * area.stride[0], j + (columns - 1) * area.stride[1]
                canvas[:, i : below + 1 : area.stride[0], j : right + 1 : area.stride[1]] += (
                    products[:, :, :, i, j]
                )
        cut = canvas[:, area.before[0] : ends[0], area.before[1] : ends[1]] + again
        return sums.finish(cut.reshape(-1, outputs)).reshape(cut.shape)

    def run(wanted: np.ndarray, _: Any, x: np.ndarray, *__: Any) -> np.ndarray:
        if check and (wanted != made).any():
            raise InputError(
                f"requested output shape {wanted[0].tolist()} differs from the file: {list(made)}"
            )
        images = x.reshape(-1, *x.shape[2:])
        out = np.empty((len(images), *made[1:]), x.dtype)
        each = 8 * images[0].size // channels * matrix.shape[1]
        for some in blocks(len(images), each):
            out[some] = block(images[some])
        return out.reshape(*x.shape[:2], *out.shape[1:])

    return run


def _explain(area: Windows, sums: Sums) -> Explain:
    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        sample, row, column, output = index
        image = arrays[2][sample].astype(np.int64) - sums.point
        total, used = 0, []
        for i in range(area.kernel[0]):
            for j in range(area.kernel[1]):
                y, x = row + area.before[0] - i, column + area.before[1] - j
                inside = y % area.stride[0] == 0 and x % area.stride[1] == 0
                y, x = y // area.stride[0], x // area.stride[1]
                if inside and 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                    used.append([y, x])
                    total += int((image[y, x] * sums.weights[output, i, j]).sum())
        return [("elements added", used), *sums.explain(total, output)]

    return explain
