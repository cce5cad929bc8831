"""MAX_POOL_2D: the largest element of each window."""

import math
from typing import Any

import numpy as np

from snugnet.int8.activation import activation_limits
from snugnet.int8.node import Kernel, Node, limits, scale
from snugnet.int8.parameters import Pooling
from snugnet.int8.windows import Windows, make_windows, split_into_blocks

# Maximum number of elementary steps. A pooling with more steps takes about a second a sample, and
# is no layer of a small network.
MAX_STEPS = 1 << 30


def prepare(node: Node) -> Kernel:
    """Prepare a maximum over windows.

    Real meaning: out[n, y, x, c] = max over i, j of in[n, y s + i - p, x s + j - p, c], over the
    elements within the image; then the fused activation. Nothing is scaled; `tflm` refuses scales
    that differ.

    Kernel: `reference_integer_ops::MaxPool`.

    Args:
        node: Input: image (n, height, width, channels), int8 or int16.
    """
    windows = prepare_pooling(node)
    low, high = activation_limits(node)
    lowest = limits(node.output)[0]

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        images = x.reshape(-1, *x.shape[2:])
        out = np.empty((len(images), *windows.output_size, x.shape[4]), x.dtype)
        for chunk in split_into_blocks(len(images), images[0].nbytes):
            out[chunk] = windows.reduce(windows.pad(images[chunk], lowest), np.maximum)
        if (low, high) != limits(node.output):
            np.clip(out, low, high, out=out)
        return out.reshape(*x.shape[:2], *out.shape[1:])

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        values = window_values(windows, arrays[0], index, lowest)
        largest = int(values.max())
        return [
            ("window", values.tolist()),
            ("largest", largest),
            ("limits", [low, high]),
            ("output", int(np.clip(largest, low, high))),
        ]

    return Kernel(run, explain, Pooling(windows, False, low, high))


def prepare_pooling(node: Node) -> Windows:
    """Check a pooling operator and compute the positions of its windows.

    Args:
        node: MAX_POOL_2D or AVERAGE_POOL_2D operator.

    Returns:
        The windows.

    Raises:
        ModelFormatError: If the kernels do not support a type, shape or scale, or if a window or
            the number of steps is too large.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_same_type("int8", "int16")
    node.require(
        len(input_tensor.shape) == 4 and min(input_tensor.shape) > 0, "the image must have rank 4"
    )
    if node.is_tflm:
        is_same_scale = (
            abs(np.float64(scale(input_tensor)) - np.float64(scale(output_tensor))) <= 1e-6
        )
        node.require(
            is_same_scale and (input_tensor.zero_points == output_tensor.zero_points).all(),
            "input and output must have the same scale and zero point",
        )
    kernel = node.option("filterHeight"), node.option("filterWidth")
    windows = make_windows(node, input_tensor.shape, kernel)
    # The sum of more int16 numbers could overflow int32.
    node.require(math.prod(kernel) <= 1 << 16, f"a window of {kernel} is too large")
    node.require_shape(
        output_tensor, (input_tensor.shape[0], *windows.output_size, input_tensor.shape[3])
    )
    by_rows, by_columns = (
        kernel[0] * windows.output_size[0] * windows.extent[1],
        kernel[1] * math.prod(windows.output_size),
    )
    steps = (by_rows + by_columns) * input_tensor.shape[0] * input_tensor.shape[3]
    node.require(steps <= MAX_STEPS, f"{steps} steps are too many; the maximum is {MAX_STEPS}")
    return windows


def window_values(
    windows: Windows, image: np.ndarray, index: tuple[int, ...], value: int
) -> np.ndarray:
    """Return the integers of one window and channel.

    Args:
        windows: Positions of the windows.
        image: Images of one invocation, (n, height, width, channels).
        index: Index of the output element.
        value: Value of the padding.

    Returns:
        int64 integers, (kernel height, kernel width).
    """
    sample, row, column, channel = index
    padded = windows.pad(image[sample : sample + 1], value)
    return windows.view(padded)[0, row, column, :, :, channel].astype(np.int64)
