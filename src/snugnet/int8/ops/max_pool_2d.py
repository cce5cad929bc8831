"""MAX_POOL_2D: the largest element of each window."""

import math
from typing import Any

import numpy as np

from snugnet.int8.activation import activation_limits
from snugnet.int8.node import Kernel, Node, limits, scale
from snugnet.int8.windows import Windows, blocks, windows

# A pooling of more is no layer of a small network: it would take a second a sample.
MOST_STEPS = 1 << 30


def prepare(node: Node) -> Kernel:
    """Prepare a maximum over windows.

    Real meaning: out[n, y, x, c] = max over i, j of in[n, y s + i - p, x s + j - p, c], of what
    lies within the image; then the fused activation. Nothing is scaled; `tflm` refuses scales that
    differ.

    Kernel: `reference_integer_ops::MaxPool`.

    Args:
        node: Input: image (n, height, width, channels), int8 or int16.
    """
    area = pooling(node)
    low, high = activation_limits(node)
    lowest = limits(node.output)[0]

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        images = x.reshape(-1, *x.shape[2:])
        out = np.empty((len(images), *area.out, x.shape[4]), x.dtype)
        for some in blocks(len(images), images[0].nbytes):
            out[some] = area.joined(area.padded(images[some], lowest), np.maximum)
        if (low, high) != limits(node.output):
            np.clip(out, low, high, out=out)
        return out.reshape(*x.shape[:2], *out.shape[1:])

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        values = window_of(area, arrays[0], index, lowest)
        most = int(values.max())
        return [
            ("window", values.tolist()),
            ("largest", most),
            ("limits", [low, high]),
            ("output", int(np.clip(most, low, high))),
        ]

    return Kernel(run, explain)


def pooling(node: Node) -> Windows:
    """Check a pooling operator and lay its windows.

    Raises:
        ModelFormatError: If a type, shape or scale is not as the kernels need it.
    """
    given, made = node.input(0), node.output
    node.require_alike("int8", "int16")
    node.require(len(given.shape) == 4 and min(given.shape) > 0, "the image must have rank 4")
    if node.tflm:
        same = abs(np.float64(scale(given)) - np.float64(scale(made))) <= 1e-6
        node.require(
            same and (given.zero_points == made.zero_points).all(),
            "input and output must have the same scale and zero point",
        )
    kernel = node.option("filterHeight"), node.option("filterWidth")
    area = windows(node, (given.shape[1], given.shape[2]), kernel)
    # Sums of more than that many int16 numbers could overflow.
    node.require(math.prod(kernel) <= 1 << 16, f"a window of {kernel} is too large")
    node.require_shape(made, (given.shape[0], *area.out, given.shape[3]))
    by_rows, by_columns = kernel[0] * area.out[0] * area.extent[1], kernel[1] * math.prod(area.out)
    steps = (by_rows + by_columns) * given.shape[0] * given.shape[3]
    node.require(steps <= MOST_STEPS, f"{steps} steps are too many; the maximum is {MOST_STEPS}")
    return area


def window_of(area: Windows, image: np.ndarray, index: tuple[int, ...], value: int) -> np.ndarray:
    """Give the integers of one window and channel, padded with a value."""
    sample, row, column, channel = index
    padded = area.padded(image[sample : sample + 1], value)
    return area.view(padded)[0, row, column, :, :, channel].astype(np.int64)
