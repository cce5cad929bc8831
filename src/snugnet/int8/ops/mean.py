"""MEAN: the mean over some dimensions."""

from typing import Any

import numpy as np

from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    truncating_divide,
    wrap32,
)
from snugnet.int8.node import Kernel, Node, scale, zero_point
from snugnet.int8.parameters import Output, ScaledReduction, make_scaling


def prepare(node: Node) -> Kernel:
    """Prepare a mean.

    Real meaning: out = mean of in over the given dimensions.

    The zero point times the number of elements is subtracted from the int32 sum, which is then
    rounded twice. The multiplier is divided by the number of elements and truncated, so that the
    result may differ from the rounded quotient.
    Saturation: at the limits of the type. int32 sums wrap.

    Kernel: `reference_ops::QuantizedMeanOrSum`.

    Args:
        node: Inputs: int8 or int16 of any shape, dimensions (int32).
    """
    axes, count = check_reduction(node)
    q, shift = rescale_multiplier(node)
    # The multiplier is first shifted left by as many bits as the division by the count may lose.
    extra_bits = max(0, min(count.bit_length() - 1, 32, 31 + shift))
    divided_q = int(truncating_divide(q << extra_bits, count))
    return make_sum_kernel(node, axes, count, divided_q, shift - extra_bits)


def rescale_multiplier(node: Node) -> tuple[int, int]:
    """Compute the quantized multiplier input scale / output scale, and its shift."""
    input_scale, output_scale = np.float64(scale(node.input(0))), np.float64(scale(node.output))
    q, shift = quantize_multiplier(input_scale / output_scale)
    return int(q), int(shift)


def check_reduction(node: Node) -> tuple[tuple[int, ...], int]:
    """Check an operator that reduces dimensions.

    Args:
        node: MEAN, SUM or REDUCE_MAX operator.

    Returns:
        The reduced dimensions, and the number of elements that each result combines.

    Raises:
        ModelFormatError: If a type, dimension or shape is wrong.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_same_type("int8", "int16")
    if not node.is_tflm:
        node.require_no_zero_points(input_tensor, output_tensor)
    rank = len(input_tensor.shape)
    requested_axes = node.constant_integers(1)
    node.require(
        all(-rank <= axis < rank for axis in requested_axes),
        f"axes {requested_axes} are out of range for rank {rank}",
    )
    axes = tuple(sorted({axis % rank for axis in requested_axes}))
    output_shape = [1 if i in axes else n for i, n in enumerate(input_tensor.shape)]
    if not node.option("keepDims", False):
        output_shape = [n for i, n in enumerate(output_shape) if i not in axes]
    node.require_shape(output_tensor, output_shape)
    node.require(min(input_tensor.shape, default=1) > 0, "the input has no elements")
    return axes, int(np.prod([input_tensor.shape[axis] for axis in axes], dtype=np.int64))


def make_sum_kernel(
    node: Node,
    axes: tuple[int, ...],
    count: int,
    q: int,
    shift: int,
    bit_type: str | None = None,
) -> Kernel:
    """Make the kernel of a scaled sum over some dimensions.

    Args:
        node: The operator.
        axes: The dimensions.
        count: Number of elements that each result combines.
        q: The quantized multiplier.
        shift: Shift of the multiplier.
        bit_type: Type as which the kernel reads and writes the bytes of input and output; by
            default their own type.

    Returns:
        The kernel.
    """
    input_tensor, output_tensor = node.input(0), node.output
    dtype = np.dtype(bit_type or output_tensor.dtype)
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    array_axes = tuple(axis + 1 for axis in axes)

    def scale_sums(sums: np.ndarray) -> np.ndarray:
        centred = wrap32(wrap32(sums) - zero_point(input_tensor) * count)
        scaled = multiply_by_quantized_multiplier(centred, q, shift)
        return np.clip(wrap32(scaled + zero_point(output_tensor)), low, high)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        sums = x.view(dtype).sum(axis=array_axes, dtype=np.int64)
        outputs = scale_sums(sums).astype(dtype).view(output_tensor.dtype)
        return outputs.reshape(x.shape[0], *output_tensor.shape)

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        sums = arrays[0].view(dtype).sum(axis=axes, dtype=np.int64)
        total = sums.reshape(output_tensor.shape)[index]
        return [
            ("sum", int(total)),
            ("elements", count),
            ("input zero point", zero_point(input_tensor)),
            ("accumulator", int(total) - zero_point(input_tensor) * count),
            ("multiplier", q),
            ("shift", shift),
            ("output zero point", zero_point(output_tensor)),
            ("output", int(scale_sums(total).astype(dtype).view(output_tensor.dtype))),
        ]

    parameters = ScaledReduction(
        axes,
        zero_point(input_tensor) * count,
        make_scaling(q, shift),
        str(dtype),
        Output(zero_point(output_tensor), low, high),
    )
    return Kernel(run, explain, parameters)
