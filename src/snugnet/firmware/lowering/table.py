"""The function that generates the C code for each kind of kernel."""

from collections.abc import Callable
from typing import Any

from snugnet.firmware.lowering import copies, elementwise, reductions, sums, windows
from snugnet.firmware.step import CodeStep, PreparedNode
from snugnet.int8 import parameters

LOWERINGS: dict[type, Callable[[PreparedNode, Any], CodeStep | None]] = {
    parameters.Convolution: sums.lower_convolution,
    parameters.Copies: copies.lower_copies,
    parameters.Dense: sums.lower_dense,
    parameters.DepthwiseConvolution: sums.lower_depthwise,
    parameters.FromFloat: elementwise.lower_from_float,
    parameters.Largest: reductions.lower_largest,
    parameters.LeakyRescale: elementwise.lower_leaky_rescale,
    parameters.Limit: elementwise.lower_limit,
    parameters.MatrixProduct: reductions.lower_matrix_product,
    parameters.ParametricRescale: elementwise.lower_parametric_rescale,
    parameters.Pooling: windows.lower_pooling,
    parameters.Product: elementwise.lower_product,
    parameters.Rescale: elementwise.lower_rescale,
    parameters.ScaledAddition: elementwise.lower_scaled_addition,
    parameters.ScaledReduction: reductions.lower_scaled_reduction,
    parameters.PairSelection: elementwise.lower_selection,
    parameters.ShiftedAddition: elementwise.lower_shifted_addition,
    parameters.SigmoidInterpolation: elementwise.lower_sigmoid,
    parameters.Softmax16: reductions.lower_softmax_16,
    parameters.Softmax8: reductions.lower_softmax_8,
    parameters.LookupTable: elementwise.lower_table,
    parameters.ToFloat: elementwise.lower_to_float,
    parameters.TransposedConvolution: sums.lower_transposed,
}


def lower(prepared: PreparedNode) -> CodeStep | None:
    """Generate the C code of an operator.

    Returns:
        The code; None if the output has the elements of the first input, in their order.

    Raises:
        ModelFormatError: If the code does not support its shapes.
    """
    step = LOWERINGS[type(prepared.kernel.parameters)](prepared, prepared.kernel.parameters)
    if step is not None:
        sums.check_sizes(prepared)
    return step
