"""Fused activations, as limits of the quantized output."""

import numpy as np

from snugnet.core.affine import round_half_away
from snugnet.int8.fixed_point import INT32_MAX
from snugnet.int8.node import Node, limits, scale, zero_point

# Codes of the schema's `ActivationFunctionType`.
ACTIVATION_NAMES = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"}
# Lower and upper limit, as real numbers, of the codes that limit the output.
REAL_LIMITS = {1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}


def activation_limits(node: Node) -> tuple[int, int]:
    """Compute the lowest and the highest output: `CalculateActivationRangeQuantized`.

    Real limits are divided by the scale in float32 and rounded half away from zero. Activations
    other than ReLU and its variants are ignored, as the kernels ignore them.

    Args:
        node: Operator with the option `fusedActivationFunction`.

    Returns:
        The lowest and the highest quantized output.

    Raises:
        ModelFormatError: If a limit does not fit int32, or if the activation is unknown.
    """
    code = node.option("fusedActivationFunction")
    node.require(code in ACTIVATION_NAMES, f"has unknown activation {code}")
    low, high = limits(node.output)
    real_low, real_high = REAL_LIMITS.get(code, (None, None))
    if real_low is not None:
        low = max(low, quantize_limit(node, real_low))
    if real_high is not None:
        high = min(high, quantize_limit(node, real_high))
    return low, high


def quantize_limit(node: Node, real: float) -> int:
    """Quantize a real number with the scale and zero point of the output.

    Raises:
        ModelFormatError: If the number of quantization steps does not fit int32.
    """
    with np.errstate(over="ignore"):
        steps = float(round_half_away(np.asarray(np.float32(real) / scale(node.output))))
    node.require(
        abs(steps) <= INT32_MAX, f"an activation limit of {steps} quantization steps exceeds int32"
    )
    return zero_point(node.output) + int(steps)
