"""STRIDED_SLICE: every n-th element of a range in each dimension."""

from typing import Any

import numpy as np

from snugnet.int8.copies import check_copy
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare a slice with strides.

    Real meaning: as NumPy's in[begin:end:stride], dimension by dimension, with the masks of
    TensorFlow's StridedSlice: bits that set begin or end free, keep one element and drop the
    dimension (shrink), put a dimension of size 1 in (new axis), or let the rest be (ellipsis). With
    the option `offset`, end counts from begin; `tflm` ignores it, and knows neither new axes nor
    ellipses.
    A dimension that is to shrink must have the element and a stride above 0: the kernels leave
    the output as it was otherwise.

    Kernel: `reference_ops::StridedSlice`.

    Args:
        node: Inputs: any; begin, end, strides (int32).
    """
    check_copy(node)
    shape = node.input(0).shape
    begin, end, strides = (node.integers(place) for place in (1, 2, 3))
    node.require(
        len(begin) == len(end) == len(strides), "begin, end and strides must have the same length"
    )
    index = _index(node, shape, begin, end, strides)
    sizes = _check_shrunk(node, shape, index)
    node.require_shape(node.output, sizes)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return np.ascontiguousarray(x[(slice(None), *index)])

    return Kernel(run)


def _index(
    node: Node, shape: tuple[int, ...], begin: list[int], end: list[int], strides: list[int]
) -> list[Any]:
    """Translate begin, end, strides and masks to an index as NumPy takes it."""

    def bit(name: str, place: int) -> bool:
        return bool(node.option(name) >> place & 1)

    new = node.option("newAxisMask")
    ellipsis = node.option("ellipsisMask")
    node.require(
        not (node.tflm and (new or ellipsis)),
        "TensorFlow Lite Micro supports neither new axes nor an ellipsis here",
    )
    node.require(bin(ellipsis).count("1") <= 1 and ellipsis >= 0, "at most one ellipsis is allowed")
    node.require(
        not (ellipsis and _counts_from_begin(node)),
        "LiteRT aborts on an ellipsis with offset ends",
    )
    places = range(len(begin))
    taken = [i for i in places if not bit("newAxisMask", i) and not bit("ellipsisMask", i)]
    node.require(len(taken) <= len(shape), f"{len(taken)} ranges given for {len(shape)} dimensions")
    index: list[Any] = []
    axis = 0
    for i in places:
        if bit("ellipsisMask", i):
            rest = len(shape) - axis - sum(j > i for j in taken)
            index += [slice(None)] * rest
            axis += rest
        elif bit("newAxisMask", i):
            index.append(None)
        else:
            index.append(_range(node, shape[axis], begin[i], end[i], strides[i], i))
            axis += 1
    return [*index, *[slice(None)] * (len(shape) - axis)]


def _counts_from_begin(node: Node) -> bool:
    return not node.tflm and bool(node.option("offset", False))


def _range(node: Node, size: int, begin: int, end: int, stride: int, place: int) -> Any:
    """Give the slice of one dimension, or the element that it shrinks to."""
    node.require(stride != 0, "strides must not be 0")
    low, high = (0, size) if stride > 0 else (-1, size - 1)
    start = min(max(begin + size if begin < 0 else begin, low), high)
    if node.option("beginMask") >> place & 1:
        start = 0 if stride > 0 else size - 1
    if node.option("shrinkAxisMask") >> place & 1:
        node.require(stride > 0 and start < size, "the output is empty")
        return start
    if _counts_from_begin(node):
        end += start
    stop = min(max(end + size if end < 0 else end, low), high)
    if node.option("endMask") >> place & 1:
        stop = size if stride > 0 else -1
    # NumPy would count -1 from the end; what lies before the first element is None.
    return slice(start, None if stop < 0 else stop, stride) if start >= 0 else slice(0, 0)


def _check_shrunk(node: Node, shape: tuple[int, ...], index: list[Any]) -> list[int]:
    """Give the shape of what an index takes."""
    sizes, axis = [], 0
    for part in index:
        if part is None:
            sizes.append(1)
            continue
        if isinstance(part, slice):
            sizes.append(len(range(*part.indices(shape[axis]))))
        axis += 1
    return sizes
