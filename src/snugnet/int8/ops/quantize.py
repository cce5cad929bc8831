"""QUANTIZE: real numbers to integers, or integers to another scale or type."""

from typing import Any

import numpy as np

from snugnet.core.affine import quantize as to_integers
from snugnet.int8.elementwise import make_unary_kernel
from snugnet.int8.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    wrap32,
)
from snugnet.int8.node import Kernel, Node, limits, scale, zero_point
from snugnet.int8.parameters import FromFloat, Output, Rescale, make_scaling
from snugnet.int8.requantize import explain_scaling

# Output types for float32 inputs.
FROM_FLOAT = {"litert_ref": ("int8", "uint8", "int16"), "tflm": ("int8", "int16")}
# Output types for integer inputs.
FROM_INTEGERS = {
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

    Real meaning: out represents in, with the precision of the output scale.

    From float32: in / scale in float32, rounded half away from zero, plus the zero point.
    From integers: the input less its zero point is scaled and rounded twice; the ratio of the
    scales is in float64.
    Saturation: at the limits of the output type.

    Kernels: `reference_ops::AffineQuantize`, `Requantize`.

    Args:
        node: Input: float32 or an integer type. The allowed output types depend on the profile.
    """
    input_tensor, output_tensor = node.input(0), node.output
    node.require_shape(output_tensor, input_tensor.shape)
    if input_tensor.dtype == "float32":
        node.require_types(output_tensor, *FROM_FLOAT[node.profile])
        node.require_quantized(output_tensor)

        def from_float(x: np.ndarray, *_: Any) -> np.ndarray:
            return to_integers(
                x, scale(output_tensor), zero_point(output_tensor), output_tensor.dtype
            )

        def explain(arrays: Any, index: tuple[int, ...]) -> list[tuple[str, Any]]:
            real = np.float32(arrays[0][index])
            return [
                ("input", float(real)),
                ("scale", float(scale(output_tensor))),
                ("input / scale", float(real / scale(output_tensor))),
                ("output zero point", zero_point(output_tensor)),
                ("limits", list(limits(output_tensor))),
                ("output", int(from_float(np.asarray(real)))),
            ]

        output = Output(zero_point(output_tensor), *limits(output_tensor))
        return Kernel(from_float, explain, FromFloat(scale(output_tensor), output))
    allowed = FROM_INTEGERS[node.profile]
    node.require_types(input_tensor, "float32", *allowed)
    node.require_types(output_tensor, *allowed[input_tensor.dtype])
    node.require_quantized(input_tensor, output_tensor)
    if input_tensor.dtype == output_tensor.dtype == "int16" and not node.is_tflm:
        node.require_no_zero_points(input_tensor, output_tensor)
    q, shift = quantize_multiplier(
        np.float64(scale(input_tensor)) / np.float64(scale(output_tensor))
    )

    def requantize(x: np.ndarray) -> np.ndarray:
        scaled = multiply_by_quantized_multiplier(wrap32(x - zero_point(input_tensor)), q, shift)
        return np.clip(wrap32(scaled + zero_point(output_tensor)), *limits(output_tensor))

    def steps(x: int) -> list[tuple[str, Any]]:
        lines = explain_scaling(
            x - zero_point(input_tensor), q, shift, zero_point(output_tensor), limits(output_tensor)
        )
        return [("input zero point", zero_point(input_tensor)), *lines]

    parameters = Rescale(
        zero_point(input_tensor),
        make_scaling(q, shift),
        Output(zero_point(output_tensor), *limits(output_tensor)),
    )
    return make_unary_kernel(node, requantize, steps, parameters)
