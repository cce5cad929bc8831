"""SPLIT: a tensor split into equal parts."""

from typing import Any

import numpy as np

from snugnet.int8.copies import check_copy
from snugnet.int8.node import Kernel, Node
from snugnet.int8.parameters import Copies


def prepare(node: Node) -> Kernel:
    """Prepare a split into equal parts.

    Real meaning: the concatenation of the outputs along a dimension is in.

    Kernel: `reference_ops::Split`.

    Args:
        node: Inputs: the dimension, one number; any tensor. Outputs: the parts.
    """
    check_copy(node, 1)
    input_tensor, parts = node.input(1), len(node.outputs)
    rank, axes = len(input_tensor.shape), node.constant_integers(0)
    node.require(
        len(axes) == 1 and -rank <= axes[0] < rank, f"axis {axes} is out of range for rank {rank}"
    )
    axis = axes[0] % rank
    size = input_tensor.shape[axis]
    node.require(
        parts > 0 and size % parts == 0, f"{size} elements cannot be split into {parts} equal parts"
    )
    shape = [*input_tensor.shape[:axis], size // parts, *input_tensor.shape[axis + 1 :]]
    for output_tensor in node.outputs:
        node.require_shape(output_tensor, shape)

    def run(_: Any, x: np.ndarray) -> list[np.ndarray]:
        return [np.ascontiguousarray(part) for part in np.split(x, parts, axis=axis + 1)]

    return Kernel(run, parameters=Copies())
