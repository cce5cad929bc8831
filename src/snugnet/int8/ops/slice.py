"""SLICE: a box cut out of a tensor."""

from typing import Any

import numpy as np

from snugnet.int8.copies import check_copy
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare a box.

    Real meaning: out[i] = in[begin + i], of so many elements in each dimension as `size` says, or
    of all that are left where it says -1.

    Kernel: `reference_ops::Slice`.

    Args:
        node: Inputs: any; begin; size, one number a dimension each.
    """
    check_copy(node)
    shape, begin, size = node.input(0).shape, node.integers(1), node.integers(2)
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

    return Kernel(run)
