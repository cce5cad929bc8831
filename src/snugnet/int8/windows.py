"""Windows of images: padding as TensorFlow counts it, and views of all windows at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from snugnet.int8.node import Node

SAME, VALID = 0, 1
# A padded image larger than this is a mistake, or an attack.
MOST_PADDED = 1 << 24
# What is laid out at once takes about this many bytes: what a second-level cache holds.
BLOCK_BYTES = 1 << 20

Pair = tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """Where the windows of an image lie; all pairs are of height and width.

    Attributes:
        kernel: Size of a window, in elements.
        stride: Steps from one window to the next.
        dilation: Steps from one element to the next.
        before: Padding above and to the left.
        out: How many windows there are.
        size: Of the image.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    before: Pair
    out: Pair
    size: Pair

    @property
    def extent(self) -> Pair:
        """How much of a padded image the windows need."""
        return (self._extent(0), self._extent(1))

    def _extent(self, axis: int) -> int:
        inner = (self.kernel[axis] - 1) * self.dilation[axis]
        return (self.out[axis] - 1) * self.stride[axis] + inner + 1

    def padded(self, x: np.ndarray, value: int) -> np.ndarray:
        """Pad images (n, height, width, channels) with a value as far as windows reach."""
        after = [
            max(0, n - b - size)
            for n, b, size in zip(self.extent, self.before, self.size, strict=True)
        ]
        if not any(self.before) and not any(after):
            return x
        n, height, width, channels = x.shape
        top, left = self.before
        shape = (n, top + height + after[0], left + width + after[1], channels)
        image = np.full(shape, value, x.dtype)
        image[:, top : top + height, left : left + width] = x
        return image

    def view(self, image: np.ndarray) -> np.ndarray:
        """View padded images as (n, out height, out width, kernel height, width, channels)."""
        by_image, by_row, by_column, by_channel = image.strides
        steps = [
            stride * by
            for pair in (self.stride, self.dilation)
            for stride, by in zip(pair, (by_row, by_column), strict=True)
        ]
        return as_strided(
            image,
            (image.shape[0], *self.out, *self.kernel, image.shape[3]),
            (by_image, *steps, by_channel),
            writeable=False,
        )

    def joined(self, image: np.ndarray, join: np.ufunc) -> np.ndarray:
        """Join what lies in each window of padded images, along the columns, then along the rows.

        Args:
            image: (n, height, width, channels), padded with what `join` ignores; no dilation.
            join: `np.add` or `np.maximum`.

        Returns:
            (n, out height, out width, channels).
        """
        for axis in (1, 2):
            kernel, stride, out = (pair[axis - 1] for pair in (self.kernel, self.stride, self.out))
            whole = [slice(None)] * 4
            found: np.ndarray | None = None
            for first in range(kernel):
                whole[axis] = slice(first, first + (out - 1) * stride + 1, stride)
                part = image[tuple(whole)]
                found = part.copy() if found is None else join(found, part, out=found)
            assert found is not None  # a kernel has one row at least
            image = found
        return image

    def taps(self, image: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield row and column in the window, and what lies there in all windows."""
        view = self.view(image)
        for row in range(self.kernel[0]):
            for column in range(self.kernel[1]):
                yield row, column, view[:, :, :, row, column]


def windows(node: Node, size: Pair, kernel: Pair, dilation: Pair = (1, 1)) -> Windows:
    """Lay windows over an image: `ComputePaddingHeightWidth`.

    SAME gives ceil(size / stride) windows, VALID as many as there are whole ones; of an odd padding
    the larger half comes behind.

    Args:
        node: Has `padding`, `strideH` and `strideW` among its options.
        size: Of the image.
        kernel: Of a window.
        dilation: Steps from one of its elements to the next.

    Raises:
        ModelFormatError: If stride, dilation or kernel is below 1, nothing is left, or the padded
            image would be too large.
    """
    stride = node.option("strideH"), node.option("strideW")
    node.require(
        min(*stride, *dilation, *kernel) > 0 and node.option("padding") in (SAME, VALID),
        f"has stride {stride}, dilation {dilation}, kernel {kernel}, padding "
        f"{node.option('padding')}; all must be above 0, padding 0 or 1",
    )
    rows, above = _along(node, size[0], stride[0], kernel[0], dilation[0])
    columns, left = _along(node, size[1], stride[1], kernel[1], dilation[1])
    made = Windows(kernel, stride, dilation, (above, left), (rows, columns), size)
    reach = [max(n, s) + b for n, s, b in zip(made.extent, size, made.before, strict=True)]
    node.require(reach[0] * reach[1] <= MOST_PADDED, f"the padded input is too large: {reach}")
    return made


def _along(node: Node, size: int, stride: int, kernel: int, dilation: int) -> Pair:
    """Give the number of windows along an axis, and the padding before."""
    extent = (kernel - 1) * dilation + 1
    same = node.option("padding") == SAME
    out = (size + stride - 1) // stride if same else (size + stride - extent) // stride
    node.require(out > 0, f"a window of {extent} exceeds the input size {size}")
    return out, max((out - 1) * stride + extent - size, 0) // 2


def blocks(count: int, bytes_each: int) -> Iterator[slice]:
    """Cut a number of items into runs that take about `BLOCK_BYTES`."""
    step = max(1, BLOCK_BYTES // max(bytes_each, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
