"""MEAN: the mean over some dimensions."""

from typing import Any

import numpy as np

from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    quotient,
    wrap32,
)
from snugnet.int8.node import Kernel, Node, scale, zero_point


def prepare(node: Node) -> Kernel:
    """Prepare a mean.

    Real meaning: out = mean of in over the given dimensions.

    The int32 sum, less the zero point as often as there are elements, is rounded twice. The number
    of elements divides the multiplier, which is cut; so a mean is not quite the rounded quotient.
    Saturation: at the limits of the type. int32 sums wrap.

    Kernel: `reference_ops::QuantizedMeanOrSum`.

    Args:
        node: Inputs: int8 or int16 of any shape, dimensions (int32).
    """
    axes, count = reduction(node)
    q, shift = ratio(node)
    # As many bits as the division by the count may cost are put on the multiplier beforehand.
    spare = max(0, min(count.bit_length() - 1, 32, 31 + shift))
    return summing(node, axes, count, int(quotient(q << spare, count)), shift - spare)


def ratio(node: Node) -> tuple[int, int]:
    """Give the multiplier from the input's scale to the output's, and its shift."""
    given, made = np.float64(scale(node.input(0))), np.float64(scale(node.output))
    q, shift = quantize_multiplier(given / made)
    return int(q), int(shift)


def reduction(node: Node) -> tuple[tuple[int, ...], int]:
    """Check a reduction; give its dimensions and how many elements each result is of.

    Raises:
        ModelFormatError: If a type, dimension or shape is wrong.
    """
    given, made = node.input(0), node.output
    node.require_alike("int8", "int16")
    if not node.tflm:
        node.require_no_zero_points(given, made)
    rank = len(given.shape)
    asked = node.integers(1)
    node.require(
        all(-rank <= axis < rank for axis in asked),
        f"axes {asked} are out of range for rank {rank}",
    )
    axes = tuple(sorted({axis % rank for axis in asked}))
    kept = [1 if i in axes else n for i, n in enumerate(given.shape)]
    if not node.option("keepDims", False):
        kept = [n for i, n in enumerate(kept) if i not in axes]
    node.require_shape(made, kept)
    node.require(min(given.shape, default=1) > 0, "the input has no elements")
    return axes, int(np.prod([given.shape[axis] for axis in axes], dtype=np.int64))


def summing(
    node: Node,
    axes: tuple[int, ...],
    count: int,
    q: int,
    shift: int,
    read_as: str | None = None,
) -> Kernel:
    """Make the kernel of a scaled sum over some dimensions.

    Args:
        node: The operator.
        axes: The dimensions.
        count: How many elements each result is of.
        q: The multiplier.
        shift: Its shift.
        read_as: The type as which the bits of input and output are taken, if not their own.
    """
    given, made = node.input(0), node.output
    dtype = np.dtype(read_as or made.dtype)
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    behind = tuple(axis + 1 for axis in axes)

    def scaled(total: np.ndarray) -> np.ndarray:
        shifted = wrap32(wrap32(total) - zero_point(given) * count)
        found = multiply_by_quantized_multiplier(shifted, q, shift)
        return np.clip(wrap32(found + zero_point(made)), low, high)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        total = x.view(dtype).sum(axis=behind, dtype=np.int64)
        return scaled(total).astype(dtype).view(made.dtype).reshape(x.shape[0], *made.shape)

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        total = arrays[0].view(dtype).sum(axis=axes, dtype=np.int64).reshape(made.shape)[index]
        return [
            ("sum", int(total)),
            ("elements", count),
            ("input zero point", zero_point(given)),
            ("accumulator", int(total) - zero_point(given) * count),
            ("multiplier", q),
            ("shift", shift),
            ("output zero point", zero_point(made)),
            ("output", int(scaled(total).astype(dtype).view(made.dtype))),
        ]

    return Kernel(run, explain)
