"""SLICE: a range of each dimension of a tensor."""

from typing import Any

import numpy as np

from snugnet.int8.copies import check_copy
from snugnet.int8.node import Kernel, Node
from snugnet.int8.parameters import Copies


def prepare(node: Node) -> Kernel:
    """Prepare a slice.

    Real meaning: out[i] = in[begin + i]. `size` is the number of elements in each dimension; -1
    means all remaining elements.

    Kernel: `reference_ops::Slice`.

    Args:
        node: Inputs: any; begin and size, each with one number for each dimension.
    """
    check_copy(node)
    shape, begin, size = node.input(0).shape, node.constant_integers(1), node.constant_integers(2)
    node.require(
        len(begin) == len(size) == len(shape), f"begin and size must have {len(shape)} numbers each"
    )
    size = [n - b if s == -1 else s for n, b, s in zip(shape, begin, size, strict=True)]
    node.require(
        all(b >= 0 and s >= 0 and b + s <= n for n, b, s in zip(shape, begin, size, strict=True)),
        f"begin {begin} and size {size} exceed the input shape {list(shape)}",
    )
    node.require_shape(node.output, size)
    box = (slice(None), *(slice(b, b + s) for b, s in zip(begin, size, strict=True)))

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return np.ascontiguousarray(x[box])

    return Kernel(run, parameters=Copies())
