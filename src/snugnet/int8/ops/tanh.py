"""TANH: the hyperbolic tangent."""

import numpy as np

from snugnet.int8 import fixed_point
from snugnet.int8.elementwise import unary
from snugnet.int8.lookup import float_function, scaled_for_sigmoid, sigmoid_table
from snugnet.int8.node import Kernel, Node
from snugnet.int8.ops.logistic import fixed


def prepare(node: Node) -> Kernel:
    """Prepare a hyperbolic tangent.

    Real meaning: out = tanh(in).

    int8, `litert_ref`: a table computed in float32. `tflm`: in fixed point with 4 integer bits,
    rounded to 8 bits; the output is taken to have scale 1/128 and zero point 0.
    int16: interpolated in the table of the sigmoid, of twice the input, halves rounded up; zero
    points 0, the output's scale 2^-15.

    Kernels: `LUTPopulateInt8`, `reference_integer_ops::Tanh`.

    Args:
        node: Input: int8 or int16.
    """
    node.require_alike("int8", "int16")
    if node.output.dtype == "int16":
        return _int16(node)
    if node.tflm:
        return fixed(node, fixed_point.tanh, 24, 0)
    return float_function(node, lambda x: np.tanh(x.astype(np.float64)))


def _int16(node: Node) -> Kernel:
    scaled, table = scaled_for_sigmoid(node, (0, 1)), sigmoid_table()

    def of(x: np.ndarray) -> np.ndarray:
        x = scaled(x)
        magnitude = np.abs(x)
        place = np.minimum(magnitude >> 8, 254)
        between = (table[place] << 8) + (magnitude & 255) * (table[place + 1] - table[place])
        image = np.where(magnitude >> 8 >= 255, 0xFFFF << 8, between)
        up, down = image - (1 << 23) + (1 << 7), -image + (1 << 23) + (1 << 7) - 1
        return np.where(x >= 0, up, down) >> 8

    return unary(node, of, lambda x: [("scaled to the table", int(scaled(x)))])
