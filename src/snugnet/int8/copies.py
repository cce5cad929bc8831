"""What operators share that move elements and compute nothing."""

from typing import Any

import numpy as np

from snugnet.int8.node import Kernel, Node, elements

# Types that are copied: int32 and int64 are those of shapes, and float32 stands before QUANTIZE or
# after DEQUANTIZE.
MOVED = ("int8", "uint8", "int16", "int32", "int64", "float32")


def check_copy(node: Node, place: int = 0) -> None:
    """Refuse types that are not copied, or that change.

    Raises:
        ModelFormatError: Naming the tensor.
    """
    node.require_types(node.input(place), *MOVED)
    for made in node.outputs:
        node.require_types(made, node.input(place).dtype)


def reshaped(node: Node) -> Kernel:
    """Make the kernel of an operator that only changes the shape.

    Raises:
        ModelFormatError: If the number of elements changes.
    """
    check_copy(node)
    given, made = node.input(0), node.output
    node.require(
        elements(given) == elements(made),
        f"cannot reshape {list(given.shape)} to {list(made.shape)}",
    )

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return x.reshape(x.shape[0], *made.shape)

    return Kernel(run)
