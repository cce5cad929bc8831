"""SOFTMAX: scores of one row as shares of 1."""

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
from snugnet.int8.lookup import interpolate, interpolated_table
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point

# Exponentials have 5 integer bits, their sum 12.
SCALED_BITS, SUM_BITS = 5, 12


def prepare(node: Node) -> Kernel:
    """Prepare a softmax over the last dimension.

    Real meaning: out[i] = e^(beta in[i]) / sum over j of e^(beta in[j]).

    int8 inputs: the differences to the largest, below a limit where nothing is left, in fixed point
    with 5 integer bits; the sum with 12; its reciprocal by Newton's division. The kernels end the
    program if a sum reaches 512.
    int16: exponential and reciprocal interpolated in tables of 513 numbers, which `litert_ref`
    fills in float64, `tflm` in float32.
    Saturation: at the limits of the type.

    Kernels: `reference_ops::Softmax`, `SoftmaxInt16`.

    Args:
        node: Input: int8 (output int8 or int16) or int16. Option `beta`.
    """
    given, made = node.input(0), node.output
    node.require_types(given, "int8", "int16")
    node.require_types(made, *(("int8", "int16") if given.dtype == "int8" else ("int16",)))
    node.require_quantized(given, made)
    node.require_shape(made, given.shape)
    node.require(len(given.shape) > 0 and given.shape[-1] > 0, "the last dimension is empty")
    _check_output(node)
    steps = _int8(node) if given.dtype == "int8" else _int16(node)

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        return steps(x)["output"].astype(made.dtype)

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        row = arrays[0][index[:-1]]
        lines = [
            (name, int(np.broadcast_to(value, row.shape)[index[-1]]))
            for name, value in steps(row).items()
        ]
        return [("row", row.tolist()), *lines]

    return Kernel(run, explain)


def _check_output(node: Node) -> None:
    given, made = node.input(0), node.output
    if given.dtype == made.dtype == "int8":
        unit, point = 1 / 256, -128
    elif given.dtype == "int16":
        unit, point = 1 / 32768, 0
        node.require(zero_point(given) == 0, "the input zero point must be 0")
    elif node.tflm:
        unit, point = 1 / 65536, -32768
    else:
        return
    exact = node.tflm and made.dtype == "int8"
    apart = abs(float(scale(made)) - unit)
    node.require(
        zero_point(made) == point and apart <= (0 if exact else 0.001 * unit),
        f"the output must have scale {unit} and zero point {point}",
    )


def _int8(node: Node) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    low, high = limits(node.output)
    bits = 8 if node.output.dtype == "int8" else 16
    # The product as float64, whatever the types of the factors.
    real = min(float(node.option("beta")) * float(scale(node.input(0))) * 2.0**26, 2.0**31 - 1)
    node.require(real > 1, "beta x input scale is too small")
    q, shift = quantize_multiplier(real)
    radius = int(np.floor(31 * 2.0**26 / 2.0 ** float(shift)))
    # The exponential of every difference, from 0 down, and what it adds to the sum.
    differences = -np.arange(256)
    counted = differences >= -radius
    scaled = rounding_high_mul(wrap32(differences << shift), q)
    exponentials = np.where(counted, exp_on_negative_values(scaled, SCALED_BITS), 0)
    addends = rounding_divide_by_pot(exponentials, SUM_BITS)

    def steps(x: np.ndarray) -> dict[str, np.ndarray]:
        below = x.max(axis=-1, keepdims=True).astype(np.int64) - x
        total = addends[below].sum(axis=-1, keepdims=True)
        factor, over_unit = reciprocal(total, SUM_BITS)
        right = over_unit + 31 - bits
        node.require(right.max(initial=0) <= 31, "the sum of exponentials may overflow")
        shares = rounding_high_mul(factor, exponentials[below])
        made = np.clip(rounding_divide_by_pot(shares, right) + low, low, high)
        return {
            "difference to the largest": -below,
            "multiplier": q,
            "shift": shift,
            "exponential": exponentials[below],
            "sum": total,
            "reciprocal of the sum": factor,
            "bits shifted right": right,
            "output": np.where(counted[below], made, low),
        }

    return steps


def _int16(node: Node) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    kind = np.float32 if node.tflm else np.float64
    given = scale(node.input(0))
    beta = np.float32(node.option("beta"))
    product = np.float64(given) * np.float64(beta) if node.tflm else np.float64(given * beta)
    q, shift = quantize_multiplier(product / (10.0 / 65535.0))

    # As the C library computes them: in float64, whatever the type of the table.
    def exponential(x: np.ndarray) -> np.ndarray:
        return np.exp(x.astype(np.float64)).astype(kind)

    def inverse(x: np.ndarray) -> np.ndarray:
        return kind(1) / (kind(1) + x)

    powers = interpolated_table(exponential, (10.0 / 65535, 32767), (2.0 / 65535, 0), kind)
    inverses = interpolated_table(inverse, (1.0 / 65535, -32768), (2.0 / 65535, 0), kind)

    def steps(x: np.ndarray) -> dict[str, np.ndarray]:
        below = x.astype(np.int64) - x.max(axis=-1, keepdims=True)
        scaled = saturate(multiply_by_quantized_multiplier(below, q, shift) + 32767, 16)
        power = interpolate(powers, scaled)
        total = power.sum(axis=-1, keepdims=True)
        headroom = count_leading_zeros(total)
        shifted = ((total << (headroom - 1)) + (1 << 13)) >> 14
        factor = interpolate(inverses, saturate(shifted - (1 << 15) - (1 << 16), 16))
        right = 31 - headroom
        made = np.clip((power * factor + (np.int64(1) << (right - 1))) >> right, 0, 32767)
        return {
            "difference to the largest": below,
            "multiplier": q,
            "shift": shift,
            "exponential": power,
            "sum": total,
            "reciprocal of the sum": factor,
            "bits shifted right": right,
            "output": made,
        }

    return steps
