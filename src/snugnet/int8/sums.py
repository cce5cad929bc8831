"""What operators with weights share: exact sums, multipliers of channels, the way back to 8 bits.

A sum of products of integers is exact in floats, in whatever order it is added up, as long as no
partial sum leaves the whole numbers that the type holds: 2^24 for float32, 2^53 for float64. The
bound is computed from the weights themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
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
from snugnet.int8.requantize import Requantize, explain_scaling, requantizer

FLOAT32_WHOLE, FLOAT64_WHOLE = 1 << 24, 1 << 53


class Rounding(StrEnum):
    """How a kernel brings a sum to the scale of the output.

    `TWICE` is `multiply_by_quantized_multiplier` of an int32 sum, `WIDE` the one of an int64 sum;
    `FLOAT` multiplies in float64 and rounds once, halves away from zero.
    """

    TWICE = "int32, rounded twice"
    WIDE = "int64, a multiplier of 16 bits, rounded once"
    FLOAT = "int32, scaled in float64, rounded once"


@dataclass(frozen=True)
class Sums:
    """How the sums of an operator are computed and finished.

    Attributes:
        weights: Less their zero point, int64.
        dtype: The float type in which all is exact.
        point: The input's zero point, as the kernel subtracts it.
        finish: From contiguous sums of products of weights and raw inputs (rows, channels) to
            outputs; it adds the bias less the input's zero point times the sum of the weights.
        explain: The arithmetic of one sum: it, without bias, and its channel.
    """

    weights: np.ndarray
    dtype: Any
    point: int
    finish: Requantize
    explain: Callable[[int, int], list[tuple[str, Any]]]


def convolution_sums(
    node: Node, given: Tensor, weights: Tensor, bias: Tensor | None, axis: int, rounding: Rounding
) -> Sums:
    """Prepare the sums of a convolution: `PopulateConvolutionQuantizationParams`.

    The multiplier of a channel is input scale * weight scale / output scale, in float64.

    Args:
        node: The operator.
        given: Its input.
        weights: Its weights.
        bias: Its bias, if any.
        axis: The axis of the output channels of the weights.
        rounding: As the kernel does it.

    Raises:
        ModelFormatError: If a type, scale or zero point is not as the kernels need it.
    """
    check_types(node, given, weights, bias)
    node.require(not weights.zero_points.any() or node.tflm, "weights must have zero point 0")
    channels = weights.shape[axis]
    check_channels(node, weights, channels, axis)
    real = scale(given).astype(np.float64) * weights.scales.astype(np.float64)
    real = np.broadcast_to(real / np.float64(scale(node.output)), (channels,))
    return make_sums(node, given, known(node, weights), bias, axis, real, rounding)


def known(node: Node, tensor: Tensor) -> np.ndarray:
    """Give the values of weights, or of a bias, as int64."""
    if tensor.values is None:
        raise node.error(f"tensor {tensor.index} must be a constant")
    return tensor.values.astype(np.int64)


def check_types(node: Node, given: Tensor, weights: Tensor, bias: Tensor | None) -> None:
    """Refuse types that the kernels do not take together."""
    node.require_types(given, "int8", "int16")
    node.require_types(node.output, given.dtype)
    node.require_types(weights, "int8")
    node.require_quantized(given, node.output)
    if not node.tflm:
        node.require_no_zero_points(given, node.output)
    node.require(
        len(weights.scales) > 0 and bool((weights.scales >= 0).all()),
        f"weights tensor {weights.index} has no scales",
    )
    if bias is not None:
        node.require_types(bias, *(("int32",) if given.dtype == "int8" else ("int32", "int64")))


def check_channels(node: Node, weights: Tensor, channels: int, axis: int) -> None:
    """Refuse scales of weights that are neither one nor one a channel."""
    count = len(weights.scales)
    node.require(
        count == 1 or (count == channels and weights.axis == axis),
        f"weights of {channels} channels have {count} scales along dimension {weights.axis}",
    )


def make_sums(
    node: Node,
    given: Tensor,
    weights: np.ndarray,
    bias: Tensor | None,
    axis: int,
    real: np.ndarray,
    rounding: Rounding,
) -> Sums:
    """Bound the sums, choose their type, and prepare what finishes them.

    Args:
        node: The operator.
        given: Its input.
        weights: Less their zero point, int64.
        bias: Its bias, if any.
        axis: The axis of the output channels.
        real: The real multiplier of each channel, float64 (channels,).
        rounding: As the kernel does it.
    """
    node.require(np.isfinite(real).all(), "a multiplier is not finite")
    channels = weights.shape[axis]
    added = np.zeros(channels, np.int64)
    if bias is not None:
        node.require_shape(bias, (channels,))
        added = known(node, bias)
    others = tuple(i for i in range(weights.ndim) if i != axis)
    points = [zero_point(t) if uses_zero_points(node, given) else 0 for t in (given, node.output)]
    offset = added - points[0] * weights.sum(axis=others)
    products = np.abs(weights).sum(axis=others) * max(map(abs, limits(given)))
    bound = int(products.max(initial=0)) + int(np.abs(offset).max(initial=0))
    node.require(bound < FLOAT64_WHOLE, f"a sum may reach {bound}; the limit is 2^53")
    dtype = np.float32 if bound < FLOAT32_WHOLE else np.float64
    finish = _finish(node, real, rounding, points[1], bound, offset)
    explain = _explain(node, real, rounding, points, added)
    return Sums(weights, dtype, points[0], finish, explain)


def uses_zero_points(node: Node, given: Tensor) -> bool:
    """Tell whether the kernel subtracts and adds zero points: not in convolutions of int16."""
    return given.dtype != "int16" or node.name == "FULLY_CONNECTED"


def _finish(
    node: Node, real: np.ndarray, rounding: Rounding, out: int, bound: int, offset: np.ndarray
) -> Requantize:
    area, dtype = activation_limits(node), node.output.dtype
    if rounding is Rounding.TWICE:
        return requantizer(*quantize_multiplier(real), out, area, bound, dtype, offset)
    if rounding is Rounding.FLOAT and bound * max(1.0, float(real.max(initial=0))) < INT32_MAX:

        def scale_in_float(sums: np.ndarray) -> np.ndarray:
            scaled = np.add(sums, offset, dtype=np.float64)
            scaled *= real
            scaled = round_half_away(scaled)
            scaled += out
            return np.clip(scaled, *area, out=scaled).astype(dtype)

        return scale_in_float

    def finish(sums: np.ndarray) -> np.ndarray:
        sums = np.add(sums, offset, dtype=np.float64)
        if rounding is Rounding.WIDE:
            scaled = multiply_by_quantized_multiplier_64(sums, *quantize_multiplier(real))
        else:
            scaled = to_int32(round_half_away(wrap32(sums) * real))
        return np.clip(wrap32(scaled + out), *area).astype(dtype)

    return finish


def to_int32(x: np.ndarray) -> np.ndarray:
    """Convert whole floats as x86 does: what does not fit becomes the lowest number."""
    fits = np.abs(x) <= INT32_MAX
    return np.where(fits, x, INT32_MIN).astype(np.int64)


def _explain(
    node: Node, real: np.ndarray, rounding: Rounding, points: list[int], bias: np.ndarray
) -> Callable[[int, int], list[tuple[str, Any]]]:
    area = activation_limits(node)

    def scaling(total: int, channel: int) -> list[tuple[str, Any]]:
        q, shift = (int(n) for n in quantize_multiplier(real[channel]))
        if rounding is Rounding.TWICE:
            return explain_scaling(total, q, shift, points[1], area)
        lines: list[tuple[str, Any]] = [("accumulator", total), ("multiplier", q), ("shift", shift)]
        scaled = multiply_by_quantized_multiplier_64(total, q, shift)
        if rounding is Rounding.FLOAT:
            total = int(wrap32(total))
            lines = [("accumulator", total)]
            scaled = to_int32(round_half_away(total * real[channel]))
        ends = [("output zero point", points[1]), ("limits", list(area))]
        return [*lines, ("scaled", int(scaled)), *ends]

    def explain(products: int, channel: int) -> list[tuple[str, Any]]:
        lines = scaling(products + int(bias[channel]), channel)
        return [
            ("input zero point", points[0]),
            ("sum of (input - zero point) * weight", products),
            ("bias", int(bias[channel])),
            ("rounding", str(rounding)),
            ("real multiplier", float(real[channel])),
            *lines,
            ("output", int(np.clip(wrap32(dict(lines)["scaled"] + points[1]), *area))),
        ]

    return explain
