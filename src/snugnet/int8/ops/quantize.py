"""QUANTIZE: real numbers to integers, or integers to another scale."""

from typing import Any

import numpy as np

from snugnet.core.affine import quantize as to_integers
from snugnet.int8.elementwise import unary
from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    wrap32,
)
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.requantize import explain_scaling

FROM_FLOAT = {"litert_ref": ("int8", "uint8", "int16"), "tflm": ("int8", "int16")}
# What integers may become.
REQUANTIZED = {
    "litert_ref": {
        "int8": ("int8", "uint8", "int16"),
        "uint8": ("int8", "uint8"),
        "int16": ("int8", "int16", "int32"),
        "int32": ("int8", "int16"),
    },
    "tflm": {
        "int8": ("int8", "uint8", "int16", "int32"),
        "uint8": ("int8",),
        "int16": ("int8", "int16", "int32"),
        "int32": ("int8", "int16"),
    },
}


def prepare(node: Node) -> Kernel:
    """Prepare a quantization.

    Real meaning: out stands for in, as well as its scale allows.

    From float32: in / scale in float32, halves rounded away from zero, plus the zero point. From
    integers: the input less its zero point, rounded twice; the ratio of the scales is in float64.
    Saturation: at the limits of the output's type.

    Kernels: `reference_ops::AffineQuantize`, `Requantize`.

    Args:
        node: Input: float32 or an integer type; which may become which differs by profile.
    """
    given, made = node.input(0), node.output
    node.require_shape(made, given.shape)
    if given.dtype == "float32":
        node.require_types(made, *FROM_FLOAT[node.profile])
        node.require_quantized(made)

        def from_float(x: np.ndarray, *_: Any) -> np.ndarray:
            return to_integers(x, scale(made), zero_point(made), made.dtype)

        def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
            real = np.float32(arrays[0][index])
            return [
                ("input", float(real)),
                ("scale", float(scale(made))),
                ("input / scale", float(real / scale(made))),
                ("output zero point", zero_point(made)),
                ("limits", list(limits(made))),
                ("output", int(from_float(np.asarray(real)))),
            ]

        return Kernel(from_float, explain)
    allowed = REQUANTIZED[node.profile]
    node.require_types(given, "float32", *allowed)
    node.require_types(made, *allowed[given.dtype])
    node.require_quantized(given, made)
    if given.dtype == made.dtype == "int16" and not node.tflm:
        node.require_no_zero_points(given, made)
    q, shift = quantize_multiplier(np.float64(scale(given)) / np.float64(scale(made)))

    def requantized(x: np.ndarray) -> np.ndarray:
        scaled = multiply_by_quantized_multiplier(wrap32(x - zero_point(given)), q, shift)
        return np.clip(wrap32(scaled + zero_point(made)), *limits(made))

    def steps(x: int) -> list[tuple[str, Any]]:
        lines = explain_scaling(x - zero_point(given), q, shift, zero_point(made), limits(made))
        return [("input zero point", zero_point(given)), *lines]

    return unary(node, requantized, steps)
