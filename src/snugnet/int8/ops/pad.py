"""PAD: a tensor with a border of zeros."""

from typing import Any

import numpy as np

from snugnet.int8.node import Kernel, Node, zero_point


def prepare(node: Node) -> Kernel:
    """Prepare a border of zeros.

    Real meaning: out is in with zeros around it. The zero is the output's zero point (`tflm`,
    int16: always 0); the rest is copied as it is, whatever the scales.

    Kernel: `reference_ops::Pad`.

    Args:
        node: Inputs: int8 or int16 of any shape, paddings (rank, 2).
    """
    node.require_quantized(node.output)
    value = 0 if node.tflm and node.output.dtype == "int16" else zero_point(node.output)
    return padding(node, value)


def padding(node: Node, value: int) -> Kernel:
    """Make the kernel of a border of a given integer.

    Raises:
        ModelFormatError: If a type or shape is wrong, or a padding is negative.
    """
    given, made = node.input(0), node.output
    node.require_types(given, "int8", "int16")
    node.require_types(made, given.dtype)
    rank = len(given.shape)
    node.require(node.input(1).shape == (rank, 2), f"paddings must have shape [{rank}, 2]")
    pairs = np.array(node.integers(1), np.int64).reshape(rank, 2)
    node.require(pairs.min(initial=0) >= 0, "paddings must not be negative")
    node.require_shape(
        made, [n + int(a) + int(b) for n, (a, b) in zip(given.shape, pairs, strict=True)]
    )
    inside = (
        slice(None),
        *(slice(int(a), int(a) + n) for n, (a, _) in zip(given.shape, pairs, strict=True)),
    )

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        out = np.full((x.shape[0], *made.shape), value, x.dtype)
        out[inside] = x
        return out

    return Kernel(run)
