"""ADD: the sum of two tensors of different scales."""

from typing import Any

import numpy as np

from snugnet.int8.activation import activation_limits
from snugnet.int8.elementwise import make_binary_kernel
from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturate,
    wrap32,
)
from snugnet.int8.lookup import checked_log2
from snugnet.int8.node import Kernel, Node, scale, zero_point
from snugnet.int8.parameters import Output, ScaledAddition, ShiftedAddition, make_scaling
from snugnet.int8.requantize import explain_scaling

# Left shift of the inputs before they are scaled, in bits.
LEFT_SHIFTS = {"int8": 20, "int16": 15}


def prepare(node: Node) -> Kernel:
    """Prepare a sum.

    Real meaning: out = a + b, broadcast; then the fused activation.

    Both inputs, less their zero points, are shifted left by 20 bits (int16: 15 bits) and scaled to
    twice the larger scale. Their sum is scaled to the output scale. Each scaling rounds twice.
    `litert_ref`, int16, if all scales are powers of two and `potScaleInt16` is set: the input whose
    scale differs from the output scale is shifted right and rounded half away from zero. The sum
    saturates. The inputs are not broadcast.
    Saturation: at the limits of the type and of the activation. The shifted inputs fit int32.

    Kernels: `reference_integer_ops::Add`, `reference_ops::Add`, `BroadcastAdd6DSlow`.

    Args:
        node: Inputs: a and b, both int8 or both int16.
    """
    check_addends(node)
    shifts = power_of_two_shifts(node)
    if shifts is not None:
        node.require(
            node.input(0).shape == node.input(1).shape,
            "int16 tensors with power-of-two scales cannot be broadcast",
        )
        return make_shifted_kernel(node, shifts, 1)
    return make_scaled_kernel(node, 1)


def check_addends(node: Node) -> None:
    """Check types and zero points of a sum or a difference.

    Args:
        node: ADD or SUB operator.

    Raises:
        ModelFormatError: If the kernels do not support a type, scale or zero point.
    """
    a, b, output_tensor = node.input(0), node.input(1), node.output
    node.require_types(a, *LEFT_SHIFTS)
    node.require_types(b, a.dtype)
    node.require_types(output_tensor, a.dtype)
    node.require_quantized(a, b, output_tensor)
    if not node.is_tflm:
        node.require_no_zero_points(a, b, output_tensor)


def make_scaled_kernel(node: Node, sign: int) -> Kernel:
    """Make the kernel of a sum or a difference that scales both inputs.

    Args:
        node: ADD or SUB operator.
        sign: 1 for a sum, -1 for a difference.

    Returns:
        The kernel.

    Raises:
        ModelFormatError: If the output scale is so small that the kernels abort.
    """
    a, b, output_tensor = node.input(0), node.input(1), node.output
    a_scale, b_scale, output_scale = (np.float64(scale(t)) for t in (a, b, output_tensor))
    left = LEFT_SHIFTS[a.dtype]
    double_scale = 2 * max(a_scale, b_scale)
    output_factor = double_scale / (output_scale * 2.0**left)
    node.require(
        output_factor < 1 - 2.0**-32,
        f"the output scale is too small: its factor is {output_factor}, and the kernels abort "
        "unless it is below 1",
    )
    q1, shift1 = quantize_multiplier(a_scale / double_scale)
    q2, shift2 = quantize_multiplier(b_scale / double_scale)
    q, shift = quantize_multiplier(output_factor)
    a_point, b_point, output_point = (zero_point(t) for t in (a, b, output_tensor))
    output_limits = activation_limits(node)

    def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        first = multiply_by_quantized_multiplier(wrap32((x - a_point) << left), q1, shift1)
        second = multiply_by_quantized_multiplier(wrap32((y - b_point) << left), q2, shift2)
        scaled = multiply_by_quantized_multiplier(wrap32(first + sign * second), q, shift)
        return np.clip(scaled + output_point, *output_limits)

    def steps(x: int, y: int) -> list[tuple[str, Any]]:
        first = int(multiply_by_quantized_multiplier((x - a_point) << left, q1, shift1))
        second = int(multiply_by_quantized_multiplier((y - b_point) << left, q2, shift2))
        return [
            ("input zero points", [a_point, b_point]),
            ("left shift", left),
            ("multiplier 1", int(q1)),
            ("shift 1", int(shift1)),
            ("scaled 1", first),
            ("multiplier 2", int(q2)),
            ("shift 2", int(shift2)),
            ("scaled 2", second),
            *explain_scaling(first + sign * second, q, shift, output_point, output_limits),
        ]

    parameters = ScaledAddition(
        (a_point, b_point),
        left,
        (make_scaling(q1, shift1), make_scaling(q2, shift2)),
        make_scaling(q, shift),
        sign,
        Output(output_point, *output_limits),
    )
    return make_binary_kernel(node, add, steps, parameters)


def power_of_two_shifts(node: Node) -> tuple[int, int] | None:
    """Return the right shifts of both inputs if LiteRT adds int16 with shifts only.

    Args:
        node: ADD or SUB operator.

    Returns:
        The shifts of the two inputs, or None if the kernel uses multipliers.

    Raises:
        ModelFormatError: If LiteRT does not support the power-of-two scales.
    """
    a, b, output_tensor = node.input(0), node.input(1), node.output
    if node.is_tflm or a.dtype != "int16" or not node.option("potScaleInt16", True):
        return None
    first, second, output = (checked_log2(scale(tensor)) for tensor in (a, b, output_tensor))
    if first is None or second is None or output is None:
        return None
    shifts = (output - first, output - second)
    node.require(
        min(shifts) >= 0 and 0 in shifts,
        "for int16 with power-of-two scales, one input must have the output scale and the other "
        "no larger one",
    )
    return shifts


def make_shifted_kernel(node: Node, shifts: tuple[int, int], sign: int) -> Kernel:
    """Make the kernel of an int16 sum or difference that only shifts its inputs.

    Args:
        node: ADD or SUB operator.
        shifts: Right shifts of the two inputs.
        sign: 1 for a sum, -1 for a difference.

    Returns:
        The kernel.
    """
    output_limits = activation_limits(node)

    def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        first = rounding_divide_by_pot(x, shifts[0])
        second = rounding_divide_by_pot(y, shifts[1])
        return np.clip(saturate(first + sign * second, 16), *output_limits)

    return make_binary_kernel(
        node,
        add,
        lambda a, b: [("right shifts", list(shifts)), ("limits", list(output_limits))],
        ShiftedAddition(shifts, sign, *output_limits),
    )
