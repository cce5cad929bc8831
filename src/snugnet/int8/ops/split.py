"""SPLIT: a tensor cut into equal parts."""

from typing import Any

import numpy as np

from snugnet.int8.copies import check_copy
from snugnet.int8.node import Kernel, Node


def prepare(node: Node) -> Kernel:
    """Prepare a cut into equal parts.

    Real meaning: the outputs, one behind the other along a dimension, are in.

    Kernel: `reference_ops::Split`.

    Args:
        node: Inputs: the dimension, one number; any tensor. Outputs: the parts.
    """
    check_copy(node, 1)
    given, parts = node.input(1), len(node.outputs)
    rank, axis = len(given.shape), node.integers(0)
    node.require(
        len(axis) == 1 and -rank <= axis[0] < rank, f"axis {axis} is out of range for rank {rank}"
    )
    where = axis[0] % rank
    size = given.shape[where]
    node.require(
        parts > 0 and size % parts == 0, f"{size} elements cannot be split into {parts} equal parts"
    )
    shape = [*given.shape[:where], size // parts, *given.shape[where + 1 :]]
    for made in node.outputs:
        node.require_shape(made, shape)

    def run(_: Any, x: np.ndarray) -> list[np.ndarray]:
        return [np.ascontiguousarray(part) for part in np.split(x, parts, axis=where + 1)]

    return Kernel(run)
