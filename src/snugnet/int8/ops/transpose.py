"""TRANSPOSE: dimensions in another order."""

from typing import Any

import numpy as np

from snugnet.int8.copies import check_copy
from snugnet.int8.node import Kernel, Node
from snugnet.int8.parameters import Copies


def prepare(node: Node) -> Kernel:
    """Prepare a transposition.

    Real meaning: dimension i of out is dimension perm[i] of in.

    Kernel: `reference_ops::Transpose`.

    Args:
        node: Inputs: any; perm, one number for each dimension.
    """
    check_copy(node)
    shape = node.input(0).shape
    rank = len(shape)
    order = node.constant_integers(1)
    node.require(
        all(-rank <= axis < rank for axis in order)
        and sorted(axis % rank for axis in order) == list(range(rank)),
        f"{order} is not a permutation of {rank} dimensions",
    )
    order = [axis % rank for axis in order]
    node.require_shape(node.output, [shape[axis] for axis in order])

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return np.ascontiguousarray(x.transpose(0, *(axis + 1 for axis in order)))

    return Kernel(run, parameters=Copies())
