"""Fused activations, as limits of the quantized output."""

import numpy as np

from snugnet.core.affine import round_half_away
from snugnet.int8.fixed_point import INT32_MAX
from snugnet.int8.node import Node, limits, scale, zero_point

# Codes of the schema's ActivationFunctionType that limit the output, with their real limits.
NAMES = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"}
LIMITS = {1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}


def activation_limits(node: Node) -> tuple[int, int]:
    """Give the lowest and highest output: `CalculateActivationRangeQuantized`.

    Real limits are quantized by a division in float32, rounded half away from zero. Other
    activations than ReLU and its kin are ignored, as the kernels ignore them.

    Raises:
        ModelFormatError: If a limit does not fit int32, or the activation is unknown.
    """
    code = node.option("fusedActivationFunction")
    node.require(code in NAMES, f"has unknown activation {code}")
    low, high = limits(node.output)
    real_low, real_high = LIMITS.get(code, (None, None))
    if real_low is not None:
        low = max(low, as_limit(node, real_low))
    if real_high is not None:
        high = min(high, as_limit(node, real_high))
    return low, high


def as_limit(node: Node, real: float) -> int:
    """Quantize a real number as the output is quantized."""
    with np.errstate(over="ignore"):
        steps = float(round_half_away(np.asarray(np.float32(real) / scale(node.output))))
    node.require(
        abs(steps) <= INT32_MAX, f"an activation limit of {steps} quantization steps exceeds int32"
    )
    return zero_point(node.output) + int(steps)
