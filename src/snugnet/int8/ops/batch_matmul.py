"""BATCH_MATMUL: products of matrices, both of which may be computed."""

from typing import Any

import numpy as np

from snugnet.core.tflite_graph import Tensor
from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier_64,
    quantize_multiplier,
)
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.requantize import explain_scaling, requantizer
from snugnet.int8.sums import FLOAT32_WHOLE, FLOAT64_WHOLE


def prepare(node: Node) -> Kernel:
    """Prepare a product of matrices.

    Real meaning: out[…, i, j] = sum over k of a[…, i, k] * b[…, k, j], with the last two dimensions
    of a or b exchanged if `adjX` or `adjY` says so; the others broadcast.

    The product of both scales, which is divided by the output's in float64, is rounded to float32
    by `litert_ref`.
    int8: int32 sums, rounded twice. int16: zero points are 0, int64 sums, rounded once with a
    multiplier of 16 bits.
    Saturation: at the limits of the type. int32 sums wrap.

    Kernel: `reference_ops::BatchMatMul` of both runtimes.

    Args:
        node: Inputs: a and b.
    """
    left, right, made = node.input(0), node.input(1), node.output
    node.require_types(left, "int8", "int16")
    node.require_types(right, left.dtype)
    node.require_types(made, left.dtype)
    node.require_quantized(left, right, made)
    node.require_no_zero_points(left, right, made)
    node.require(
        all(2 <= len(tensor.shape) <= 5 for tensor in (left, right)),
        "the inputs must have rank 2 to 5",
    )
    first = _matrices(left.shape, node.option("adjX"))
    second = _matrices(right.shape, node.option("adjY"))
    node.require(
        first[-1] == second[-2], f"cannot multiply shapes {list(first)} and {list(second)}"
    )
    try:
        batch = np.broadcast_shapes(first[:-2], second[:-2])
    except ValueError:
        raise node.error(f"cannot broadcast shapes {list(first)} and {list(second)}") from None
    node.require_shape(made, (*batch, first[-2], second[-1]))
    return _kernel(node, left, right, first[-1])


def _matrices(shape: tuple[int, ...], exchanged: bool) -> tuple[int, ...]:
    return (*shape[:-2], shape[-1], shape[-2]) if exchanged else shape


def _kernel(node: Node, left: Tensor, right: Tensor, depth: int) -> Kernel:
    made = node.output
    kind = np.float64 if node.tflm else np.float32
    real = np.float64(kind(scale(left)) * kind(scale(right))) / np.float64(scale(made))
    node.require(np.isfinite(real), "the multiplier is not finite")
    q, shift = quantize_multiplier(np.array([real]))
    bound = depth * _most(left) * _most(right)
    node.require(bound < FLOAT64_WHOLE, f"a sum may reach {bound}; the limit is 2^53")
    dtype = np.float32 if bound < FLOAT32_WHOLE else np.float64
    wide = left.dtype == "int16"
    narrow = requantizer(q, shift, zero_point(made), limits(made), bound, made.dtype, np.zeros(1))

    def finish(sums: np.ndarray) -> np.ndarray:
        if not wide:
            return narrow(np.ascontiguousarray(sums).reshape(-1, 1)).reshape(sums.shape)
        scaled = multiply_by_quantized_multiplier_64(sums, q, shift)
        return np.clip(scaled, *limits(made)).astype(made.dtype)

    def matrices(x: np.ndarray, tensor: Tensor, exchanged: bool) -> np.ndarray:
        x = x.astype(dtype) - np.asarray(zero_point(tensor), dtype)
        x = np.swapaxes(x, -1, -2) if exchanged else x
        return x.reshape(x.shape[0], *(1,) * (len(made.shape) + 1 - x.ndim), *x.shape[1:])

    def run(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        products = np.matmul(
            matrices(a, left, node.option("adjX")), matrices(b, right, node.option("adjY"))
        )
        return finish(products)

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        a = matrices(arrays[0][np.newaxis], left, node.option("adjX"))
        b = matrices(arrays[1][np.newaxis], right, node.option("adjY"))
        total = int(np.matmul(a, b)[(0, *index)])
        lines = explain_scaling(total, q[0], shift[0], zero_point(made), limits(made))
        if wide:
            scaled = int(multiply_by_quantized_multiplier_64(total, q, shift)[0])
            lines = [
                ("accumulator", total),
                *[line for line in lines if line[0] in ("multiplier", "shift")],
                ("scaled", scaled),
                ("limits", list(limits(made))),
            ]
        output = np.clip(dict(lines)["scaled"] + zero_point(made), *limits(made))
        points = [zero_point(left), zero_point(right)]
        return [("input zero points", points), *lines, ("output", int(output))]

    return Kernel(run, explain)


def _most(tensor: Tensor) -> int:
    low, high = limits(tensor)
    return max(zero_point(tensor) - low, high - zero_point(tensor))
