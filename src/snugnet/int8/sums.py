"""Exact sums, channel multipliers and requantization for operators with weights.

A sum of products of integers is exact in floats, in any order of addition, if every partial sum is
within the range in which the float type represents all whole numbers: up to 2^24 for float32, up to
2^53 for float64. The bound of the sums is computed from the weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from snugnet.core.affine import round_half_away
from snugnet.core.tflite_graph import Tensor
from snugnet.int8.activation import activation_limits
from snugnet.int8.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    multiply_by_quantized_multiplier_64,
    quantize_multiplier,
    wrap32,
)
from snugnet.int8.node import Node, limits, scale, zero_point
from snugnet.int8.parameters import Output, Rounding, SumsParameters
from snugnet.int8.requantize import Requantize, explain_scaling, make_requantizer

# float32 and float64 represent all whole numbers up to these exactly.
FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53


@dataclass(frozen=True)
class Sums:
    """The sums of an operator: weights, exact type and requantization.

    Attributes:
        weights: Weights less their zero point, int64.
        dtype: Float type in which all sums are exact.
        input_zero_point: Input zero point that the kernel subtracts.
        finish: Computes outputs from contiguous sums of products of weights and raw inputs, (rows,
            channels). It adds the bias, and subtracts the input zero point times the sum of the
            weights.
        explain: Lists the arithmetic of one sum. It takes the sum without bias, and the channel.
        parameters: The numbers of the arithmetic.
    """

    weights: np.ndarray
    dtype: Any
    input_zero_point: int
    finish: Requantize
    explain: Callable[[int, int], list[tuple[str, Any]]]
    parameters: SumsParameters


def make_convolution_sums(
    node: Node,
    input_tensor: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    axis: int,
    rounding: Rounding,
) -> Sums:
    """Prepare the sums of a convolution: `PopulateConvolutionQuantizationParams`.

    The multiplier of a channel is input scale * weight scale / output scale, in float64.

    Args:
        node: The operator.
        input_tensor: Input of the operator.
        weights: Weights of the operator.
        bias: Bias of the operator, or None.
        axis: Axis of the output channels in the weights.
        rounding: Rounding method of the kernel.

    Returns:
        The sums.

    Raises:
        ModelFormatError: If the kernels do not support a type, scale or zero point.
    """
    check_types(node, input_tensor, weights, bias)
    node.require(not weights.zero_points.any() or node.is_tflm, "weights must have zero point 0")
    channels = weights.shape[axis]
    check_channels(node, weights, channels, axis)
    real_multipliers = scale(input_tensor).astype(np.float64) * weights.scales.astype(np.float64)
    real_multipliers = np.broadcast_to(
        real_multipliers / np.float64(scale(node.output)), (channels,)
    )
    return make_sums(
        node, input_tensor, constant_values(node, weights), bias, axis, real_multipliers, rounding
    )


def constant_values(node: Node, tensor: Tensor) -> np.ndarray:
    """Return the values of weights or of a bias as int64.

    Raises:
        ModelFormatError: If the tensor is not a constant.
    """
    if tensor.values is None:
        raise node.error(f"tensor {tensor.index} must be a constant")
    return tensor.values.astype(np.int64)


def check_types(node: Node, input_tensor: Tensor, weights: Tensor, bias: Tensor | None) -> None:
    """Check that the kernels support the combination of types and quantizations.

    Args:
        node: The operator.
        input_tensor: Input of the operator.
        weights: Weights of the operator.
        bias: Bias of the operator, or None.

    Raises:
        ModelFormatError: If they do not support it.
    """
    node.require_types(input_tensor, "int8", "int16")
    node.require_types(node.output, input_tensor.dtype)
    node.require_types(weights, "int8")
    node.require_quantized(input_tensor, node.output)
    if not node.is_tflm:
        node.require_no_zero_points(input_tensor, node.output)
    node.require(
        len(weights.scales) > 0 and bool((weights.scales >= 0).all()),
        f"weights tensor {weights.index} has no scales",
    )
    if bias is not None:
        bias_types = ("int32",) if input_tensor.dtype == "int8" else ("int32", "int64")
        node.require_types(bias, *bias_types)


def check_channels(node: Node, weights: Tensor, channels: int, axis: int) -> None:
    """Check that the weights have one scale, or one scale for each output channel.

    Raises:
        ModelFormatError: If the number of scales or their axis is wrong.
    """
    count = len(weights.scales)
    node.require(
        count == 1 or (count == channels and weights.axis == axis),
        f"weights of {channels} channels have {count} scales along dimension {weights.axis}",
    )


def make_sums(
    node: Node,
    input_tensor: Tensor,
    weights: np.ndarray,
    bias: Tensor | None,
    axis: int,
    real_multipliers: np.ndarray,
    rounding: Rounding,
) -> Sums:
    """Compute the bound of the sums, choose their type, and prepare the requantization.

    Args:
        node: The operator.
        input_tensor: Input of the operator.
        weights: Weights less their zero point, int64.
        bias: Bias of the operator, or None.
        axis: Axis of the output channels in the weights.
        real_multipliers: Real multiplier of each channel, float64 (channels,).
        rounding: Rounding method of the kernel.

    Returns:
        The sums.

    Raises:
        ModelFormatError: If a multiplier is not finite, if the bias is wrong, or if a sum may reach
            2^53.
    """
    node.require(np.isfinite(real_multipliers).all(), "a multiplier is not finite")
    channels = weights.shape[axis]
    bias_values = np.zeros(channels, np.int64)
    if bias is not None:
        node.require_shape(bias, (channels,))
        bias_values = constant_values(node, bias)
    other_axes = tuple(i for i in range(weights.ndim) if i != axis)
    input_zero_point, output_zero_point = 0, 0
    if has_zero_points(node, input_tensor):
        input_zero_point, output_zero_point = zero_point(input_tensor), zero_point(node.output)
    offset = bias_values - input_zero_point * weights.sum(axis=other_axes)
    products = np.abs(weights).sum(axis=other_axes) * max(map(abs, limits(input_tensor)))
    bound = int(products.max(initial=0)) + int(np.abs(offset).max(initial=0))
    node.require(bound < FLOAT64_EXACT, f"a sum may reach {bound}; the limit is 2^53")
    dtype = np.float32 if bound < FLOAT32_EXACT else np.float64
    finish = _make_finish(node, real_multipliers, rounding, output_zero_point, bound, offset)
    explain = _make_explain(
        node, real_multipliers, rounding, input_zero_point, output_zero_point, bias_values
    )
    parameters = SumsParameters(
        weights,
        bias_values,
        input_zero_point,
        real_multipliers,
        rounding,
        bound,
        Output(output_zero_point, *activation_limits(node)),
    )
    return Sums(weights, dtype, input_zero_point, finish, explain, parameters)


def has_zero_points(node: Node, input_tensor: Tensor) -> bool:
    """Return whether the kernel uses zero points: all except int16 convolutions do."""
    return input_tensor.dtype != "int16" or node.name == "FULLY_CONNECTED"


def _make_finish(
    node: Node,
    real_multipliers: np.ndarray,
    rounding: Rounding,
    output_zero_point: int,
    bound: int,
    offset: np.ndarray,
) -> Requantize:
    """Make the function that computes outputs from sums; see `Sums.finish`."""
    output_limits, dtype = activation_limits(node), node.output.dtype
    if rounding is Rounding.TWICE:
        q, shift = quantize_multiplier(real_multipliers)
        return make_requantizer(q, shift, output_zero_point, output_limits, bound, dtype, offset)
    largest = bound * max(1.0, float(real_multipliers.max(initial=0)))
    if rounding is Rounding.FLOAT and largest < INT32_MAX:
        # Neither the sum nor the scaled sum can overflow int32.

        def scale_in_float(sums: np.ndarray) -> np.ndarray:
            scaled = np.add(sums, offset, dtype=np.float64)
            scaled *= real_multipliers
            scaled = round_half_away(scaled)
            scaled += output_zero_point
            return np.clip(scaled, *output_limits, out=scaled).astype(dtype)

        return scale_in_float

    def finish(sums: np.ndarray) -> np.ndarray:
        sums = np.add(sums, offset, dtype=np.float64)
        if rounding is Rounding.WIDE:
            scaled = multiply_by_quantized_multiplier_64(
                sums, *quantize_multiplier(real_multipliers)
            )
        else:
            scaled = to_int32(round_half_away(wrap32(sums) * real_multipliers))
        return np.clip(wrap32(scaled + output_zero_point), *output_limits).astype(dtype)

    return finish


def to_int32(x: np.ndarray) -> np.ndarray:
    """Convert whole floats to int32 as x86 does.

    A float that does not fit int32 becomes the lowest int32.
    """
    fits = np.abs(x) <= INT32_MAX
    return np.where(fits, x, INT32_MIN).astype(np.int64)


def _make_explain(
    node: Node,
    real_multipliers: np.ndarray,
    rounding: Rounding,
    input_zero_point: int,
    output_zero_point: int,
    bias: np.ndarray,
) -> Callable[[int, int], list[tuple[str, Any]]]:
    """Make the function that explains one sum; see `Sums.explain`."""
    output_limits = activation_limits(node)

    def explain_rounding(total: int, channel: int) -> list[tuple[str, Any]]:
        q, shift = (int(n) for n in quantize_multiplier(real_multipliers[channel]))
        if rounding is Rounding.TWICE:
            return explain_scaling(total, q, shift, output_zero_point, output_limits)
        lines: list[tuple[str, Any]] = [("accumulator", total), ("multiplier", q), ("shift", shift)]
        scaled = multiply_by_quantized_multiplier_64(total, q, shift)
        if rounding is Rounding.FLOAT:
            total = int(wrap32(total))
            lines = [("accumulator", total)]
            scaled = to_int32(round_half_away(total * real_multipliers[channel]))
        last_lines = [("output zero point", output_zero_point), ("limits", list(output_limits))]
        return [*lines, ("scaled", int(scaled)), *last_lines]

    def explain(products: int, channel: int) -> list[tuple[str, Any]]:
        lines = explain_rounding(products + int(bias[channel]), channel)
        scaled = dict(lines)["scaled"]
        return [
            ("input zero point", input_zero_point),
            ("sum of (input - zero point) * weight", products),
            ("bias", int(bias[channel])),
            ("rounding", str(rounding)),
            ("real multiplier", float(real_multipliers[channel])),
            *lines,
            ("output", int(np.clip(wrap32(scaled + output_zero_point), *output_limits))),
        ]

    return explain
