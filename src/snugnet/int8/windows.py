"""Windows of images: TensorFlow's padding, and views of all windows at once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from snugnet.int8.node import Node

# Codes of the schema's `Padding`.
SAME, VALID = 0, 1
# Maximum number of elements of padded images. Larger ones are a mistake or an attack.
MAX_PADDED_ELEMENTS = 1 << 26
# Approximate size of the arrays that are processed at once, in bytes; fits a second-level cache.
BLOCK_BYTES = 1 << 20

Pair = tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """Positions of the windows in an image; all pairs are of height and width.

    Attributes:
        kernel: Size of a window, in elements.
        stride: Distance between neighbouring windows, in elements of the image.
        dilation: Distance between neighbouring elements of a window, in elements of the image.
        padding: Padding above and to the left.
        output_size: Number of windows.
        size: Size of the image.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Pair
    output_size: Pair
    size: Pair

    @property
    def extent(self) -> Pair:
        """Size of the part of the padded image that the windows read."""
        return (self._extent(0), self._extent(1))

    def _extent(self, axis: int) -> int:
        reach = (self.kernel[axis] - 1) * self.dilation[axis]
        return (self.output_size[axis] - 1) * self.stride[axis] + reach + 1

    def pad(self, x: np.ndarray, value: int) -> np.ndarray:
        """Pad images with a value, as far as the windows reach.

        Args:
            x: Images, (n, height, width, channels).
            value: Value of the padding.

        Returns:
            Padded images, (n, padded height, padded width, channels).
        """
        padding_after = [
            max(0, extent - before - size)
            for extent, before, size in zip(self.extent, self.padding, self.size, strict=True)
        ]
        if not any(self.padding) and not any(padding_after):
            return x
        n, height, width, channels = x.shape
        top, left = self.padding
        bottom, right = padding_after
        image = np.full((n, top + height + bottom, left + width + right, channels), value, x.dtype)
        image[:, top : top + height, left : left + width] = x
        return image

    def view(self, image: np.ndarray) -> np.ndarray:
        """View all windows of padded images, without a copy.

        Args:
            image: Padded images, (n, height, width, channels).

        Returns:
            Windows, (n, output height, output width, kernel height, kernel width, channels).
        """
        image_stride, row_stride, column_stride, channel_stride = image.strides
        window_strides = [
            distance * stride
            for pair in (self.stride, self.dilation)
            for distance, stride in zip(pair, (row_stride, column_stride), strict=True)
        ]
        return as_strided(
            image,
            (image.shape[0], *self.output_size, *self.kernel, image.shape[3]),
            (image_stride, *window_strides, channel_stride),
            writeable=False,
        )

    def reduce(self, image: np.ndarray, operation: np.ufunc) -> np.ndarray:
        """Reduce each window of padded images to one element, along the height, then the width.

        Args:
            image: (n, height, width, channels), padded with the neutral value of the operation.
                The windows must have no dilation.
            operation: `np.add` or `np.maximum`.

        Returns:
            (n, output height, output width, channels).
        """
        for axis in (1, 2):
            kernel, stride, count = (
                pair[axis - 1] for pair in (self.kernel, self.stride, self.output_size)
            )
            slices = [slice(None)] * 4
            result: np.ndarray | None = None
            for first in range(kernel):
                slices[axis] = slice(first, first + (count - 1) * stride + 1, stride)
                part = image[tuple(slices)]
                result = part.copy() if result is None else operation(result, part, out=result)
            assert result is not None  # a window has at least one row and one column
            image = result
        return image

    def taps(self, image: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield row and column of each element of a window, with its values in all windows.

        Args:
            image: Padded images, (n, height, width, channels).

        Yields:
            Row, column, and values (n, output height, output width, channels).
        """
        view = self.view(image)
        for row in range(self.kernel[0]):
            for column in range(self.kernel[1]):
                yield row, column, view[:, :, :, row, column]


def make_windows(
    node: Node, shape: Sequence[int], kernel: Pair, dilation: Pair = (1, 1)
) -> Windows:
    """Compute the positions of the windows in an image: `ComputePaddingHeightWidth`.

    SAME gives ceil(size / stride) windows. VALID gives the number of windows that are completely
    inside of the image. If the total padding is odd, the larger half is at the bottom or right.

    Args:
        node: Operator with the options `padding`, `strideH` and `strideW`.
        shape: Shape of the images, (n, height, width, channels).
        kernel: Size of a window.
        dilation: Distance between neighbouring elements of a window.

    Returns:
        The windows.

    Raises:
        ModelFormatError: If stride, dilation or kernel is below 1, if there is no window, or if the
            padded image is too large.
    """
    images, *_, channels = shape
    size = shape[1], shape[2]
    stride = node.option("strideH"), node.option("strideW")
    node.require(
        min(*stride, *dilation, *kernel) > 0 and node.option("padding") in (SAME, VALID),
        f"has stride {stride}, dilation {dilation}, kernel {kernel}, padding "
        f"{node.option('padding')}; all must be above 0, padding 0 or 1",
    )
    rows, above = _count_windows(node, size[0], stride[0], kernel[0], dilation[0])
    columns, left = _count_windows(node, size[1], stride[1], kernel[1], dilation[1])
    windows = Windows(kernel, stride, dilation, (above, left), (rows, columns), size)
    padded_size = [
        max(extent, length) + before
        for extent, length, before in zip(windows.extent, size, windows.padding, strict=True)
    ]
    node.require(
        images * channels * math.prod(padded_size) <= MAX_PADDED_ELEMENTS,
        f"the padded input is too large: {padded_size}",
    )
    return windows


def _count_windows(node: Node, size: int, stride: int, kernel: int, dilation: int) -> Pair:
    """Return the number of windows along an axis, and the padding before the first element."""
    extent = (kernel - 1) * dilation + 1
    is_same = node.option("padding") == SAME
    count = (size + stride - 1) // stride if is_same else (size + stride - extent) // stride
    node.require(count > 0, f"a window of {extent} exceeds the input size {size}")
    return count, max((count - 1) * stride + extent - size, 0) // 2


def split_into_blocks(count: int, bytes_each: int) -> Iterator[slice]:
    """Split a number of items into blocks of about `BLOCK_BYTES`.

    Args:
        count: Number of items.
        bytes_each: Size of an item, in bytes.

    Yields:
        The slice of each block.
    """
    step = max(1, BLOCK_BYTES // max(bytes_each, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
