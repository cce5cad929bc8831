"""RELU6: inputs below 0 become 0, inputs above 6 become 6."""

import numpy as np

from snugnet.core.affine import round_half_away
from snugnet.int8.elementwise import make_unary_kernel
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.ops.relu import make_relu_kernel
from snugnet.int8.parameters import Limit


def prepare(node: Node) -> Kernel:
    """Prepare a limited rectifier.

    Real meaning: out = min(6, max(0, in)).

    `litert_ref` scales as in RELU. `tflm` limits the input to 0 and 6, quantized with the scale and
    zero point of the input. It ignores the scale and zero point of the output.

    Kernels: `reference_ops::ReluX`; in TensorFlow Lite Micro `Relu6Quantized`.

    Args:
        node: Input: int8 or int16 (zero points 0).
    """
    if not node.is_tflm:
        return make_relu_kernel(node, 0.0, 6.0)
    input_tensor = node.input(0)
    node.require_types(input_tensor, "int8", "int16")
    node.require_types(node.output, input_tensor.dtype)
    node.require_quantized(input_tensor)
    with np.errstate(over="ignore"):
        steps = float(round_half_away(np.asarray(np.float32(6) / scale(input_tensor))))
    low, high = limits(input_tensor)
    six = int(np.clip(steps + zero_point(input_tensor), low, high))

    def relu6(x: np.ndarray) -> np.ndarray:
        return np.minimum(np.maximum(x, zero_point(input_tensor)), six)

    return make_unary_kernel(
        node,
        relu6,
        lambda x: [("limits", [zero_point(input_tensor), six])],
        Limit(zero_point(input_tensor), six),
    )
