"""FULLY_CONNECTED: a matrix product with constant weights."""

from typing import Any

import numpy as np

from snugnet.int8.activation import LIMITS
from snugnet.int8.node import Explain, Kernel, Node, Run, elements, scale
from snugnet.int8.sums import Rounding, Sums, check_channels, check_types, known, make_sums

INT32 = 2  # of the schema's TensorType, in `quantizedBiasType`


def prepare(node: Node) -> Kernel:
    """Prepare a dense layer.

    Real meaning: out[n, o] = bias[o] + sum over d of weights[o, d] * in[n, d]; then the fused
    activation.

    Multipliers are computed in float64.
    `litert_ref`: the int32 sum is scaled in float64 and rounded once (`Rounding.FLOAT`).
    `tflm`: int32 sums are rounded twice; int16 inputs with an int64 bias have int64 sums, rounded
    once with a multiplier of 16 bits. Zero points count for int16 too; one of the weights counts
    if there is one scale.
    Saturation: at the limits of the type and of the activation. int32 sums wrap.

    Kernels: `reference_integer_ops::FullyConnected` and `FullyConnectedPerChannel`.

    Args:
        node: Inputs: (…, depth) of any shape, weights (outputs, depth), bias (outputs,) or none.
    """
    given, weights, bias = node.input(0), node.input(1), node.optional(2)
    node.require(
        len(weights.shape) == 2 and min(weights.shape) > 0 and elements(given) > 0,
        f"weights of shape {list(weights.shape)} do not fit input {list(given.shape)}",
    )
    outputs, depth = weights.shape
    node.require(
        elements(given) % depth == 0,
        f"{elements(given)} input elements are not divisible by depth {depth}",
    )
    node.require(
        node.option("weightsFormat") == 0
        and node.option("fusedActivationFunction") in (0, *LIMITS),
        "shuffled weights, and activations other than ReLU variants, are not supported",
    )
    rows = elements(given) // depth
    node.require(
        node.output.shape[-1:] == (outputs,) and elements(node.output) == rows * outputs,
        f"tensor {node.output.index} has shape {list(node.output.shape)}; expected {rows} x "
        f"{outputs}",
    )
    check_types(node, given, weights, bias)
    check_channels(node, weights, outputs, 0)
    values = known(node, weights)
    if len(weights.scales) == 1:
        values = values - weights.zero_points[0]
    sums = make_sums(node, given, values, bias, 0, _real(node), _rounding(node))
    return Kernel(_run(node, sums), _explain(node, sums))


def _real(node: Node) -> np.ndarray:
    given, weights, bias = node.input(0), node.input(1), node.optional(2)
    products = np.float64(scale(given)) * weights.scales.astype(np.float64)
    made = np.float64(scale(node.output))
    if len(products) == 1 and bias is not None and len(bias.scales):
        node.require(
            abs(products[0] - np.float64(scale(bias))) / made <= 0.02,
            "the bias scale must be input scale x weight scale",
        )
    return np.broadcast_to(products / made, weights.shape[:1])


def _rounding(node: Node) -> Rounding:
    if not node.tflm:
        return Rounding.FLOAT
    bias = node.optional(2)
    if node.output.dtype != "int16":
        return Rounding.TWICE
    narrow = node.option("quantizedBiasType") == INT32 if bias is None else bias.dtype == "int32"
    return Rounding.TWICE if narrow else Rounding.WIDE


def _run(node: Node, sums: Sums) -> Run:
    matrix = np.ascontiguousarray(sums.weights.T.astype(sums.dtype))
    depth = len(matrix)
    shape = node.output.shape

    def run(x: np.ndarray, *_: Any) -> np.ndarray:
        made = x.reshape(-1, depth).astype(sums.dtype) @ matrix
        return sums.finish(made).reshape(x.shape[0], *shape)

    return run


def _explain(node: Node, sums: Sums) -> Explain:
    outputs, depth = sums.weights.shape

    def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
        row = int(np.ravel_multi_index(index, node.output.shape)) // outputs
        values = arrays[0].reshape(-1, depth)[row].astype(np.int64)
        total = int(((values - sums.point) * sums.weights[index[-1]]).sum())
        return [("inputs", values.tolist()), *sums.explain(total, index[-1])]

    return explain
