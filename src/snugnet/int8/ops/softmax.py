"""SOFTMAX: scores of each row as probabilities."""

from collections.abc import Callable
from typing import Any

import numpy as np

from snugnet.int8.fixed_point import (
    count_leading_zeros,
    exp_on_negative_values,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    reciprocal,
    rounding_divide_by_pot,
    rounding_high_mul,
    saturate,
    wrap32,
)
from snugnet.int8.lookup import build_interpolation_table, interpolate
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.parameters import Softmax8, Softmax16, make_scaling

# Integer bits of the arguments of exponentials, and of the sum of exponentials.
SCALED_BITS, SUM_BITS = 5, 12

# Function from scores to all intermediate results and the output, by name.
Steps = Callable[[np.ndarray], dict[str, np.ndarray]]


def prepare(node: Node) -> Kernel:
    """Prepare a softmax over the last dimension.

    Real meaning: out[i] = e^(beta in[i]) / sum over j of e^(beta in[j]).

    int8 inputs: the kernel subtracts the largest input and scales the differences to fixed point
    with 5 integer bits. Below a limit, the exponential counts as 0. The sum has 12 integer bits.
    Newton's division computes its reciprocal. The kernels abort if a sum reaches 512.
    int16 inputs: exponential and reciprocal are interpolated in tables of 513 numbers.
    `litert_ref` fills the tables in float64, `tflm` in float32.
    Saturation: at the limits of the type.

    Kernels: `reference_ops::Softmax`, `SoftmaxInt16`.

    Args:
        node: Input: int8 (output int8 or int16) or int16. Option `beta`.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_types(input_tensor, "int8", "int16")
    allowed = ("int8", "int16") if input_tensor.dtype == "int8" else ("int16",)
    node.require_types(output_tensor, *allowed)
    node.require_quantized(input_tensor, output_tensor)
    node.require_shape(output_tensor, input_tensor.shape)
    node.require(
        len(input_tensor.shape) > 0 and input_tensor.shape[-1] > 0, "the last dimension is empty"
    )
    _check_output(node)
    make_steps = _make_int8_steps if input_tensor.dtype == "int8" else _make_int16_steps
    steps, parameters = make_steps(node)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return steps(x)["output"].astype(output_tensor.dtype)

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        row = arrays[0][index[:-1]]
        lines = [
            (name, int(np.broadcast_to(value, row.shape)[index[-1]]))
            for name, value in steps(row).items()
        ]
        return [("row", row.tolist()), *lines]

    return Kernel(run, explain, parameters)


def _check_output(node: Node) -> None:
    input_tensor, output_tensor = node.input(0), node.output
    if input_tensor.dtype == output_tensor.dtype == "int8":
        expected_scale, expected_point = 1 / 256, -128
    elif input_tensor.dtype == "int16":
        expected_scale, expected_point = 1 / 32768, 0
        node.require(zero_point(input_tensor) == 0, "the input zero point must be 0")
    elif node.is_tflm:
        expected_scale, expected_point = 1 / 65536, -32768
    else:
        return
    is_exact = node.is_tflm and output_tensor.dtype == "int8"
    tolerance = 0 if is_exact else 0.001 * expected_scale
    difference = abs(float(scale(output_tensor)) - expected_scale)
    node.require(
        zero_point(output_tensor) == expected_point and difference <= tolerance,
        f"the output must have scale {expected_scale} and zero point {expected_point}",
    )


def _make_int8_steps(node: Node) -> tuple[Steps, Softmax8]:
    """Make the function for int8 scores, with its numbers."""
    low, high = limits(node.output)
    bits = 8 if node.output.dtype == "int8" else 16
    # The product is computed in float64 for all types of the factors.
    real = min(float(node.option("beta", 0.0)) * float(scale(node.input(0))) * 2.0**26, 2.0**31 - 1)
    node.require(real > 1, "beta x input scale is too small")
    q, shift = quantize_multiplier(real)
    radius = int(np.floor(31 * 2.0**26 / 2.0 ** float(shift)))
    # Tables by the difference to the largest score: the exponential, and its addend in the sum.
    differences = -np.arange(256)
    has_exponential = differences >= -radius
    scaled = rounding_high_mul(wrap32(differences << shift), q)
    exponentials = np.where(has_exponential, exp_on_negative_values(scaled, SCALED_BITS), 0)
    addends = rounding_divide_by_pot(exponentials, SUM_BITS)

    def steps(x: np.ndarray) -> dict[str, np.ndarray]:
        distance = x.max(axis=-1, keepdims=True).astype(np.int64) - x
        total = addends[distance].sum(axis=-1, keepdims=True)
        factor, over_unit = reciprocal(total, SUM_BITS)
        right_shift = over_unit + 31 - bits
        node.require(right_shift.max(initial=0) <= 31, "the sum of exponentials may overflow")
        probabilities = rounding_high_mul(factor, exponentials[distance])
        output = np.clip(rounding_divide_by_pot(probabilities, right_shift) + low, low, high)
        return {
            "difference to the largest": -distance,
            "multiplier": q,
            "shift": shift,
            "exponential": exponentials[distance],
            "sum": total,
            "reciprocal of the sum": factor,
            "bits shifted right": right_shift,
            "output": np.where(has_exponential[distance], output, low),
        }

    return steps, Softmax8(exponentials[has_exponential], bits, low, high)


def _make_int16_steps(node: Node) -> tuple[Steps, Softmax16]:
    """Make the function for int16 scores, with its numbers."""
    float_type = np.float32 if node.is_tflm else np.float64
    input_scale = scale(node.input(0))
    beta = np.float32(node.option("beta", 0.0))
    if node.is_tflm:
        product = np.float64(input_scale) * np.float64(beta)
    else:
        product = np.float64(input_scale * beta)
    q, shift = quantize_multiplier(product / (10.0 / 65535.0))

    # The C library computes exponentials in float64 for both types of the table.
    def exponential(x: np.ndarray) -> np.ndarray:
        return np.exp(x.astype(np.float64)).astype(float_type)

    def inverse(x: np.ndarray) -> np.ndarray:
        return float_type(1) / (float_type(1) + x)

    powers = build_interpolation_table(
        exponential, (10.0 / 65535, 32767), (2.0 / 65535, 0), float_type
    )
    inverses = build_interpolation_table(
        inverse, (1.0 / 65535, -32768), (2.0 / 65535, 0), float_type
    )

    def steps(x: np.ndarray) -> dict[str, np.ndarray]:
        difference = x.astype(np.int64) - x.max(axis=-1, keepdims=True)
        scaled = saturate(multiply_by_quantized_multiplier(difference, q, shift) + 32767, 16)
        power = interpolate(powers, scaled)
        total = power.sum(axis=-1, keepdims=True)
        headroom = count_leading_zeros(total)
        shifted = ((total << (headroom - 1)) + (1 << 13)) >> 14
        factor = interpolate(inverses, saturate(shifted - (1 << 15) - (1 << 16), 16))
        right_shift = 31 - headroom
        half = np.int64(1) << (right_shift - 1)
        output = np.clip((power * factor + half) >> right_shift, 0, 32767)
        return {
            "difference to the largest": difference,
            "multiplier": q,
            "shift": shift,
            "exponential": power,
            "sum": total,
            "reciprocal of the sum": factor,
            "bits shifted right": right_shift,
            "output": output,
        }

    return steps, Softmax16(make_scaling(q, shift), powers, inverses)
