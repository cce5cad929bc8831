"""STRIDED_SLICE: every n-th element of a range in each dimension."""

from typing import Any

import numpy as np

from snugnet.int8.copies import check_copy
from snugnet.int8.node import Kernel, Node
from snugnet.int8.parameters import Copies


def prepare(node: Node) -> Kernel:
    """Prepare a slice with strides.

    Real meaning: NumPy's in[begin:end:stride] in each dimension, with the masks of TensorFlow's
    StridedSlice. A bit of a mask ignores begin or end, selects one element and drops the dimension
    (shrink), inserts a dimension of size 1 (new axis), or keeps all other dimensions (ellipsis).
    With the option `offset`, end counts from begin. `tflm` ignores this option, and it supports
    neither new axes nor ellipses.
    If a dimension shrinks, the element must exist, and the stride must be above 0. Otherwise the
    kernels do not write the output.

    Kernel: `reference_ops::StridedSlice`.

    Args:
        node: Inputs: any; begin, end, strides (int32).
    """
    check_copy(node)
    shape = node.input(0).shape
    begin, end, strides = (node.constant_integers(position) for position in (1, 2, 3))
    node.require(
        len(begin) == len(end) == len(strides), "begin, end and strides must have the same length"
    )
    index = _make_index(node, shape, begin, end, strides)
    node.require_shape(node.output, _output_shape(shape, index))

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return np.ascontiguousarray(x[(slice(None), *index)])

    return Kernel(run, parameters=Copies())


def _make_index(
    node: Node, shape: tuple[int, ...], begin: list[int], end: list[int], strides: list[int]
) -> list[Any]:
    """Convert begin, end, strides and masks to a NumPy index."""

    def has_bit(name: str, position: int) -> bool:
        return bool(node.option(name) >> position & 1)

    new_axes = node.option("newAxisMask")
    ellipsis = node.option("ellipsisMask")
    node.require(
        not (node.is_tflm and (new_axes or ellipsis)),
        "TensorFlow Lite Micro supports neither new axes nor an ellipsis here",
    )
    node.require(bin(ellipsis).count("1") <= 1 and ellipsis >= 0, "at most one ellipsis is allowed")
    node.require(
        not (ellipsis and _has_offset_ends(node)),
        "LiteRT aborts on an ellipsis with offset ends",
    )
    positions = range(len(begin))
    ranges = [
        i for i in positions if not has_bit("newAxisMask", i) and not has_bit("ellipsisMask", i)
    ]
    node.require(
        len(ranges) <= len(shape), f"{len(ranges)} ranges given for {len(shape)} dimensions"
    )
    index: list[Any] = []
    axis = 0
    for i in positions:
        if has_bit("ellipsisMask", i):
            remaining = len(shape) - axis - sum(j > i for j in ranges)
            index += [slice(None)] * remaining
            axis += remaining
        elif has_bit("newAxisMask", i):
            index.append(None)
        else:
            index.append(_make_range(node, shape[axis], begin[i], end[i], strides[i], i))
            axis += 1
    return [*index, *[slice(None)] * (len(shape) - axis)]


def _has_offset_ends(node: Node) -> bool:
    """Return whether the ends count from begin."""
    return not node.is_tflm and bool(node.option("offset", False))


def _make_range(node: Node, size: int, begin: int, end: int, stride: int, position: int) -> Any:
    """Return the slice of one dimension, or the index of the element to which it shrinks."""
    node.require(stride != 0, "strides must not be 0")
    low, high = (0, size) if stride > 0 else (-1, size - 1)
    start = min(max(begin + size if begin < 0 else begin, low), high)
    if node.option("beginMask") >> position & 1:
        start = 0 if stride > 0 else size - 1
    if node.option("shrinkAxisMask") >> position & 1:
        node.require(stride > 0 and start < size, "the output is empty")
        return start
    if _has_offset_ends(node):
        end += start
    stop = min(max(end + size if end < 0 else end, low), high)
    if node.option("endMask") >> position & 1:
        stop = size if stride > 0 else -1
    # A stop before the first element must be None, because NumPy counts -1 from the end.
    return slice(start, None if stop < 0 else stop, stride) if start >= 0 else slice(0, 0)


def _output_shape(shape: tuple[int, ...], index: list[Any]) -> list[int]:
    """Return the shape that a NumPy index selects from a shape."""
    sizes, axis = [], 0
    for part in index:
        if part is None:
            sizes.append(1)
            continue
        if isinstance(part, slice):
            sizes.append(len(range(*part.indices(shape[axis]))))
        axis += 1
    return sizes
