"""FULLY_CONNECTED: a matrix product with constant weights."""

from typing import Any

import numpy as np

from snugnet.int8.activation import REAL_LIMITS
from snugnet.int8.node import Explain, Kernel, Node, Run, count_elements, scale
from snugnet.int8.parameters import Dense, Rounding
from snugnet.int8.sums import (
    Sums,
    check_channels,
    check_types,
    constant_values,
    make_sums,
)

# Code of int32 in the schema's `TensorType`; a value of the option `quantizedBiasType`.
INT32 = 2


def prepare(node: Node) -> Kernel:
    """Prepare a dense layer.

    Real meaning: out[n, o] = bias[o] + sum over d of weights[o, d] * in[n, d]; then the fused
    activation.

    Multipliers are computed in float64.
    `litert_ref`: the int32 sum is scaled in float64 and rounded once (`Rounding.FLOAT`).
    `tflm`: int32 sums are rounded twice. int16 inputs with an int64 bias have int64 sums, which are
    rounded once with a multiplier of 16 bits. Zero points apply to int16 too.
    The zero point of the weights applies if they have one scale.
    Saturation: at the limits of the type and of the activation. int32 sums wrap.

    Kernels: `reference_integer_ops::FullyConnected` and `FullyConnectedPerChannel`.

    Args:
        node: Inputs: (…, depth) of any shape, weights (outputs, depth), bias (outputs,) or none.
    """
    input_tensor, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    node.require(
        len(weights.shape) == 2 and min(weights.shape) > 0 and count_elements(input_tensor) > 0,
        f"weights of shape {list(weights.shape)} do not fit input {list(input_tensor.shape)}",
    )
    outputs, depth = weights.shape
    node.require(
        count_elements(input_tensor) % depth == 0,
        f"{count_elements(input_tensor)} input elements are not divisible by depth {depth}",
    )
    node.require(
        node.option("weightsFormat") == 0
        and node.option("fusedActivationFunction") in (0, *REAL_LIMITS),
        "shuffled weights, and activations other than ReLU variants, are not supported",
    )
    rows = count_elements(input_tensor) // depth
    node.require(
        node.output.shape[-1:] == (outputs,) and count_elements(node.output) == rows * outputs,
        f"tensor {node.output.index} has shape {list(node.output.shape)}; expected {rows} x "
        f"{outputs}",
    )
    check_types(node, input_tensor, weights, bias)
    check_channels(node, weights, outputs, 0)
    values = constant_values(node, weights)
    if len(weights.scales) == 1:
        values = values - weights.zero_points[0]
    sums = make_sums(
        node, input_tensor, values, bias, 0, _multipliers(node), _choose_rounding(node)
    )
    return Kernel(_make_run(node, sums), _make_explain(node, sums), Dense(sums.parameters, rows))


def _multipliers(node: Node) -> np.ndarray:
    """Compute the real multiplier of each output channel, float64 (outputs,)."""
    input_tensor, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    products = np.float64(scale(input_tensor)) * weights.scales.astype(np.float64)
    output_scale = np.float64(scale(node.output))
    if len(products) == 1 and bias is not None and len(bias.scales):
        node.require(
            abs(products[0] - np.float64(scale(bias))) / output_scale <= 0.02,
            "the bias scale must be input scale x weight scale",
        )
    return np.broadcast_to(products / output_scale, weights.shape[:1])


def _choose_rounding(node: Node) -> Rounding:
    if not node.is_tflm:
        return Rounding.FLOAT
    bias = node.optional_input(2)
    if node.output.dtype != "int16":
        return Rounding.TWICE
    has_int32_option = node.option("quantizedBiasType") == INT32
    is_int32 = has_int32_option if bias is None else bias.dtype == "int32"
    return Rounding.TWICE if is_int32 else Rounding.WIDE


def _make_run(node: Node, sums: Sums) -> Run:
    matrix = np.ascontiguousarray(sums.weights.T.astype(sums.dtype))
    depth = len(matrix)
    shape = node.output.shape

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        sums_of_products = x.reshape(-1, depth).astype(sums.dtype) @ matrix
        return sums.finish(sums_of_products).reshape(x.shape[0], *shape)

    return run


def _make_explain(node: Node, sums: Sums) -> Explain:
    outputs, depth = sums.weights.shape

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        row = int(np.ravel_multi_index(index, node.output.shape)) // outputs
        values = arrays[0].reshape(-1, depth)[row].astype(np.int64)
        total = int(((values - sums.input_zero_point) * sums.weights[index[-1]]).sum())
        return [("inputs", values.tolist()), *sums.explain(total, index[-1])]

    return explain
