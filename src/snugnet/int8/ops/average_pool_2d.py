"""AVERAGE_POOL_2D: the mean of each window."""

from typing import Any

import numpy as np

from snugnet.int8.activation import activation_limits
from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.max_pool_2d import prepare_pooling, window_values
from snugnet.int8.parameters import Pooling
from snugnet.int8.windows import split_into_blocks


def prepare(node: Node) -> Kernel:
    """Prepare a mean over windows.

    Real meaning: out[n, y, x, c] = mean over i, j of in[n, y s + i - p, x s + j - p, c], over the
    elements within the image; then the fused activation.

    The kernel averages the raw integers, zero point included, and rounds halves away from the
    integer 0. Nothing is scaled; `tflm` refuses scales that differ.

    Kernel: `reference_integer_ops::AveragePool`.

    Args:
        node: Input: image (n, height, width, channels), int8 or int16.
    """
    windows = prepare_pooling(node)
    low, high = activation_limits(node)
    counts = windows.reduce(windows.pad(np.ones((1, *windows.size, 1), np.int32), 0), np.add)
    node.require(counts.min() > 0, "a window lies outside the image")
    halves = counts // 2

    def run(x: np.ndarray, *_rest: Any) -> np.ndarray:
        images = x.reshape(-1, *x.shape[2:])
        out = np.empty((len(images), *windows.output_size, x.shape[4]), x.dtype)
        for chunk in split_into_blocks(len(images), 4 * images[0].size):
            total = windows.reduce(windows.pad(images[chunk], 0).astype(np.int32), np.add)
            # Rounding half away from zero: round the magnitude, then restore the sign.
            mean = (np.abs(total) + halves) // counts * np.sign(total)
            out[chunk] = np.clip(mean, low, high)
        return out.reshape(*x.shape[:2], *out.shape[1:])

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        values = window_values(windows, arrays[0], index, 0)
        total, count = int(values.sum()), int(counts[0, index[1], index[2], 0])
        mean = (abs(total) + count // 2) // count * (1 if total >= 0 else -1)
        return [
            ("window", values.tolist()),
            ("sum", total),
            ("elements inside", count),
            ("mean", mean),
            ("limits", [low, high]),
            ("output", int(np.clip(mean, low, high))),
        ]

    return Kernel(run, explain, Pooling(windows, True, low, high))
