"""PAD: a tensor with a border of zeros."""

from typing import Any

import numpy as np

from snugnet.int8.node import Kernel, Node, zero_point
from snugnet.int8.parameters import Copies


def prepare(node: Node) -> Kernel:
    """Prepare a border of zeros.

    Real meaning: out is in with zeros around it. The zeros are written as the zero point of the
    output (`tflm`, int16: always 0). The integers of the input are copied, for any scales.

    Kernel: `reference_ops::Pad`.

    Args:
        node: Inputs: int8 or int16 of any shape, paddings (rank, 2).
    """
    node.require_quantized(node.output)
    value = 0 if node.is_tflm and node.output.dtype == "int16" else zero_point(node.output)
    return make_pad_kernel(node, value)


def make_pad_kernel(node: Node, value: int) -> Kernel:
    """Make the kernel of a border with a constant integer.

    Args:
        node: PAD or PADV2 operator.
        value: The integer.

    Returns:
        The kernel.

    Raises:
        ModelFormatError: If a type or shape is wrong, or a padding is negative.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_types(input_tensor, "int8", "int16")
    node.require_types(output_tensor, input_tensor.dtype)
    rank = len(input_tensor.shape)
    node.require(node.input(1).shape == (rank, 2), f"paddings must have shape [{rank}, 2]")
    pairs = np.array(node.constant_integers(1), np.int64).reshape(rank, 2)
    node.require(pairs.min(initial=0) >= 0, "paddings must not be negative")
    node.require_shape(
        output_tensor,
        [n + int(a) + int(b) for n, (a, b) in zip(input_tensor.shape, pairs, strict=True)],
    )
    inside = (
        slice(None),
        *(slice(int(a), int(a) + n) for n, (a, _) in zip(input_tensor.shape, pairs, strict=True)),
    )

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        out = np.full((x.shape[0], *output_tensor.shape), value, x.dtype)
        out[inside] = x
        return out

    return Kernel(run, parameters=Copies(value))
