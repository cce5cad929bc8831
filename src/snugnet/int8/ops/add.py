"""ADD: the sum of two tensors of different scales."""

from typing import Any

import numpy as np

from snugnet.int8.activation import activation_limits
from snugnet.int8.elementwise import binary
from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturate,
    wrap32,
)
from snugnet.int8.lookup import exponent
from snugnet.int8.node import Kernel, Node, scale, zero_point
from snugnet.int8.requantize import explain_scaling

# How far inputs are shifted up before they are scaled.
SHIFTS = {"int8": 20, "int16": 15}


def prepare(node: Node) -> Kernel:
    """Prepare a sum.

    Real meaning: out = a + b, broadcast; then the fused activation.

    Both inputs, less their zero points, are shifted left by 20 bits (int16: 15) and scaled to twice
    the larger scale; their sum is scaled to the output's. Each scaling rounds twice.
    `litert_ref`, int16, all scales powers of two and `potScaleInt16`: the input whose scale is not
    the output's is shifted right, halves away from zero, and the sum saturates; no broadcasting.
    Saturation: at the limits of the type and of the activation. The shifted inputs fit int32.

    Kernels: `reference_integer_ops::Add`, `reference_ops::Add`, `BroadcastAdd6DSlow`.

    Args:
        node: Inputs: a and b, both int8 or both int16.
    """
    check(node)
    shifts = powers_of_two(node)
    if shifts is not None:
        node.require(
            node.input(0).shape == node.input(1).shape,
            "int16 tensors with power-of-two scales cannot be broadcast",
        )
        return shifted_kernel(node, shifts, 1)
    return scaled_kernel(node, 1)


def check(node: Node) -> None:
    """Refuse types and zero points that the kernels of sums and differences refuse."""
    a, b, made = node.input(0), node.input(1), node.output
    node.require_types(a, *SHIFTS)
    node.require_types(b, a.dtype)
    node.require_types(made, a.dtype)
    node.require_quantized(a, b, made)
    if not node.tflm:
        node.require_no_zero_points(a, b, made)


def scaled_kernel(node: Node, sign: int) -> Kernel:
    """Make the kernel of a sum, or with sign -1 of a difference.

    Raises:
        ModelFormatError: If the output's scale is so small that the kernels end the program.
    """
    left = SHIFTS[node.input(0).dtype]
    a, b, made = (np.float64(scale(t)) for t in (node.input(0), node.input(1), node.output))
    twice = 2 * max(a, b)
    factors = (a / twice, b / twice, twice / (made * 2.0**left))
    node.require(
        factors[2] < 1 - 2.0**-32,
        f"the output scale is too small: its factor is {factors[2]}, and the kernels abort "
        "unless it is below 1",
    )
    (q1, s1), (q2, s2), (q, s) = (quantize_multiplier(factor) for factor in factors)
    points = [zero_point(tensor) for tensor in (node.input(0), node.input(1), node.output)]
    area = activation_limits(node)

    def total(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        first = multiply_by_quantized_multiplier(wrap32((a - points[0]) << left), q1, s1)
        second = multiply_by_quantized_multiplier(wrap32((b - points[1]) << left), q2, s2)
        scaled = multiply_by_quantized_multiplier(wrap32(first + sign * second), q, s)
        return np.clip(scaled + points[2], *area)

    def steps(a: int, b: int) -> list[tuple[str, Any]]:
        lines: list[tuple[str, Any]] = [("input zero points", points[:2]), ("left shift", left)]
        terms = []
        for place, (x, point, by) in enumerate(
            ((a, points[0], (q1, s1)), (b, points[1], (q2, s2))), start=1
        ):
            terms.append(int(multiply_by_quantized_multiplier((x - point) << left, *by)))
            lines += [
                (f"multiplier {place}", int(by[0])),
                (f"shift {place}", int(by[1])),
                (f"scaled {place}", terms[-1]),
            ]
        return lines + explain_scaling(terms[0] + sign * terms[1], q, s, points[2], area)

    return binary(node, total, steps)


def powers_of_two(node: Node) -> tuple[int, int] | None:
    """Give the right shifts of both inputs where LiteRT adds int16 by shifting alone."""
    a, b, made = node.input(0), node.input(1), node.output
    if node.tflm or a.dtype != "int16" or not node.option("potScaleInt16", True):
        return None
    exponents = [exponent(scale(tensor)) for tensor in (a, b, made)]
    first, second, out = exponents
    if first is None or second is None or out is None:
        return None
    shifts = (out - first, out - second)
    node.require(
        min(shifts) >= 0 and 0 in shifts,
        "for int16 with power-of-two scales, one input must have the output scale and the other "
        "no larger one",
    )
    return shifts


def shifted_kernel(node: Node, shifts: tuple[int, int], sign: int) -> Kernel:
    """Make the kernel of a sum or difference of int16 by shifting alone."""
    area = activation_limits(node)

    def total(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        first, second = (
            rounding_divide_by_pot(x, shift) for x, shift in zip((a, b), shifts, strict=True)
        )
        return np.clip(saturate(first + sign * second, 16), *area)

    return binary(
        node, total, lambda a, b: [("right shifts", list(shifts)), ("limits", list(area))]
    )
