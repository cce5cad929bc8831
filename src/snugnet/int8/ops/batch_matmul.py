"""BATCH_MATMUL: products of matrices, none of which needs to be a constant."""

from typing import Any

import numpy as np

from snugnet.core.tflite_graph import Tensor
from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier_64,
    quantize_multiplier,
)
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.parameters import MatrixProduct, Output, Rounding, make_scaling
from snugnet.int8.requantize import explain_scaling, make_requantizer
from snugnet.int8.sums import FLOAT32_EXACT, FLOAT64_EXACT


def prepare(node: Node) -> Kernel:
    """Prepare a product of matrices.

    Real meaning: out[…, i, j] = sum over k of a[…, i, k] * b[…, k, j]. The option `adjX` exchanges
    the last two dimensions of a, `adjY` those of b. The other dimensions broadcast.

    The multiplier is the product of the input scales, divided by the output scale in float64.
    `litert_ref` rounds the product to float32 first.
    int8: int32 sums, rounded twice. int16: zero points are 0; int64 sums, rounded once with a
    multiplier of 16 bits.
    Saturation: at the limits of the type. int32 sums wrap.

    Kernel: `reference_ops::BatchMatMul` of both runtimes.

    Args:
        node: Inputs: a and b.
    """
    left, right, output_tensor = node.input(0), node.input(1), node.output
    node.require_types(left, "int8", "int16")
    node.require_types(right, left.dtype)
    node.require_types(output_tensor, left.dtype)
    node.require_quantized(left, right, output_tensor)
    node.require_no_zero_points(left, right, output_tensor)
    node.require(
        all(2 <= len(tensor.shape) <= 5 for tensor in (left, right)),
        "the inputs must have rank 2 to 5",
    )
    first = _exchange(left.shape, node.option("adjX"))
    second = _exchange(right.shape, node.option("adjY"))
    node.require(
        first[-1] == second[-2], f"cannot multiply shapes {list(first)} and {list(second)}"
    )
    try:
        batch = np.broadcast_shapes(first[:-2], second[:-2])
    except ValueError:
        raise node.error(f"cannot broadcast shapes {list(first)} and {list(second)}") from None
    node.require_shape(output_tensor, (*batch, first[-2], second[-1]))
    return _make_kernel(node, left, right, first[-1])


def _exchange(shape: tuple[int, ...], exchanged: bool) -> tuple[int, ...]:
    """Return a shape, with the last two dimensions exchanged if `exchanged` is true."""
    return (*shape[:-2], shape[-1], shape[-2]) if exchanged else shape


def _make_kernel(node: Node, left: Tensor, right: Tensor, depth: int) -> Kernel:
    output_tensor = node.output
    float_type = np.float64 if node.is_tflm else np.float32
    real = np.float64(float_type(scale(left)) * float_type(scale(right))) / np.float64(
        scale(output_tensor)
    )
    node.require(np.isfinite(real), "the multiplier is not finite")
    q, shift = quantize_multiplier(np.array([real]))
    bound = depth * _max_magnitude(left) * _max_magnitude(right)
    node.require(bound < FLOAT64_EXACT, f"a sum may reach {bound}; the limit is 2^53")
    dtype = np.float32 if bound < FLOAT32_EXACT else np.float64
    is_int16 = left.dtype == "int16"
    requantize_int8 = make_requantizer(
        q,
        shift,
        zero_point(output_tensor),
        limits(output_tensor),
        bound,
        output_tensor.dtype,
        np.zeros(1),
    )

    def finish(sums: np.ndarray) -> np.ndarray:
        if not is_int16:
            return requantize_int8(np.ascontiguousarray(sums).reshape(-1, 1)).reshape(sums.shape)
        scaled = multiply_by_quantized_multiplier_64(sums, q, shift)
        return np.clip(scaled, *limits(output_tensor)).astype(output_tensor.dtype)

    def to_matrices(x: np.ndarray, tensor: Tensor, exchanged: bool) -> np.ndarray:
        x = x.astype(dtype) - np.asarray(zero_point(tensor), dtype)
        x = np.swapaxes(x, -1, -2) if exchanged else x
        ones = [1] * (len(output_tensor.shape) + 1 - x.ndim)
        return x.reshape(x.shape[0], *ones, *x.shape[1:])

    def run(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        first = to_matrices(a, left, node.option("adjX"))
        second = to_matrices(b, right, node.option("adjY"))
        return finish(np.matmul(first, second))

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        a = to_matrices(arrays[0][np.newaxis], left, node.option("adjX"))
        b = to_matrices(arrays[1][np.newaxis], right, node.option("adjY"))
        total = int(np.matmul(a, b)[(0, *index)])
        lines = explain_scaling(
            total, q[0], shift[0], zero_point(output_tensor), limits(output_tensor)
        )
        if is_int16:
            scaled = int(multiply_by_quantized_multiplier_64(total, q, shift)[0])
            lines = [
                ("accumulator", total),
                *[line for line in lines if line[0] in ("multiplier", "shift")],
                ("scaled", scaled),
                ("limits", list(limits(output_tensor))),
            ]
        output = np.clip(dict(lines)["scaled"] + zero_point(output_tensor), *limits(output_tensor))
        points = [zero_point(left), zero_point(right)]
        return [("input zero points", points), *lines, ("output", int(output))]

    parameters = MatrixProduct(
        (zero_point(left), zero_point(right)),
        (bool(node.option("adjX")), bool(node.option("adjY"))),
        depth,
        make_scaling(q[0], shift[0]),
        Rounding.WIDE if is_int16 else Rounding.TWICE,
        Output(zero_point(output_tensor), *limits(output_tensor)),
    )
    return Kernel(run, explain, parameters)


def _max_magnitude(tensor: Tensor) -> int:
    """Return the largest magnitude of an element less the zero point."""
    low, high = limits(tensor)
    return max(zero_point(tensor) - low, high - zero_point(tensor))
