"""Numbers with which the kernels compute, as records: what generated code needs to do the same.

Each kernel that computes something has one of these records; kernels that only copy elements have
the record `Copies`. Zero points, limits and multipliers are those of the kernel, not of the file:
the kernel may round, limit or fold them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import SupportsInt

import numpy as np

from snugnet.int8.windows import Windows


@dataclass(frozen=True)
class Scaling:
    """The real multiplier q * 2^(shift - 31); see `fixed_point.quantize_multiplier`."""

    q: int
    shift: int


def make_scaling(q: SupportsInt, shift: SupportsInt) -> Scaling:
    """Make a multiplier from the numbers of NumPy."""
    return Scaling(int(q), int(shift))


@dataclass(frozen=True)
class Output:
    """How a scaled number becomes an output.

    Attributes:
        zero_point: Number that is added.
        low: Lowest output.
        high: Highest output.
    """

    zero_point: int
    low: int
    high: int


@dataclass(frozen=True)
class LookupTable:
    """A function of an 8-bit integer.

    Attributes:
        values: Output of each input, in the order of the bit patterns of the inputs, (256,).
    """

    values: np.ndarray


@dataclass(frozen=True)
class Rescale:
    """(in - input_zero_point) scaled, rounded twice."""

    input_zero_point: int
    scaling: Scaling
    output: Output


@dataclass(frozen=True)
class LeakyRescale:
    """As `Rescale`, with another multiplier for negative numbers, whose result has a sign."""

    input_zero_point: int
    positive: Scaling
    negative: Scaling
    sign: int
    output: Output


@dataclass(frozen=True)
class Limit:
    """The integer, within limits."""

    low: int
    high: int


class SigmoidKind(StrEnum):
    """Function that is interpolated in the sigmoid table."""

    LOGISTIC = "logistic"
    TANH = "tanh"


@dataclass(frozen=True)
class SigmoidInterpolation:
    """A function of int16, interpolated in a table.

    Attributes:
        kind: The function.
        multiplier: The input is multiplied by this number.
        half: Number that is added to the product.
        shift: Right shift after that.
        table: 65536 / (1 + e^(-i / 24)), (256,).
    """

    kind: SigmoidKind
    multiplier: int
    half: int
    shift: int
    table: np.ndarray


@dataclass(frozen=True)
class FromFloat:
    """in / scale in float32, rounded half away from zero."""

    scale: np.float32
    output: Output


@dataclass(frozen=True)
class ToFloat:
    """scale * (in - zero_point), rounded to float32."""

    scale: np.float32
    zero_point: int


@dataclass(frozen=True)
class ScaledAddition:
    """Two inputs, shifted left by `left` and scaled; their sum or difference, scaled again.

    Attributes:
        zero_points: Zero points of the inputs.
        left: Left shift of the inputs less their zero points.
        inputs: Multipliers of the inputs.
        scaling: Multiplier of the sum.
        sign: 1 for a sum, -1 for a difference.
        output: The output.
    """

    zero_points: tuple[int, int]
    left: int
    inputs: tuple[Scaling, Scaling]
    scaling: Scaling
    sign: int
    output: Output


@dataclass(frozen=True)
class ShiftedAddition:
    """Two int16 inputs, shifted right and rounded half away from zero; their sum or difference."""

    shifts: tuple[int, int]
    sign: int
    low: int
    high: int


@dataclass(frozen=True)
class Product:
    """The product of two inputs less their zero points, scaled and rounded twice."""

    zero_points: tuple[int, int]
    scaling: Scaling
    output: Output


@dataclass(frozen=True)
class PairSelection:
    """The larger or the smaller of two integers."""

    is_largest: bool


@dataclass(frozen=True)
class ParametricRescale:
    """As `Rescale`; a negative input is multiplied by alpha and has another multiplier."""

    input_zero_point: int
    alpha_zero_point: int
    positive: Scaling
    negative: Scaling
    output: Output


class Rounding(StrEnum):
    """Method by which a kernel scales a sum to the output.

    Attributes:
        TWICE: `multiply_by_quantized_multiplier` of an int32 sum.
        WIDE: `multiply_by_quantized_multiplier_64` of an int64 sum.
        FLOAT: Multiplication of an int32 sum in float64, rounded once, half away from zero.
    """

    TWICE = "int32, rounded twice"
    WIDE = "int64, a multiplier of 16 bits, rounded once"
    FLOAT = "int32, scaled in float64, rounded once"


@dataclass(frozen=True)
class SumsParameters:
    """Sums of products of inputs and weights, and how they become outputs.

    Attributes:
        weights: Weights less their zero point, int64.
        bias: Bias of each channel, int64 (channels,).
        input_zero_point: Number that is subtracted from each input.
        real_multipliers: Multiplier of each channel, float64 (channels,).
        rounding: Rounding method.
        bound: Upper bound of the magnitude of a sum.
        output: The output.
    """

    weights: np.ndarray
    bias: np.ndarray
    input_zero_point: int
    real_multipliers: np.ndarray
    rounding: Rounding
    bound: int
    output: Output


@dataclass(frozen=True)
class Convolution:
    """Sums over windows; the weights are (outputs, height, width, channels of a group)."""

    sums: SumsParameters
    windows: Windows
    groups: int


@dataclass(frozen=True)
class DepthwiseConvolution:
    """Sums over windows of one channel; the weights are (1, height, width, outputs)."""

    sums: SumsParameters
    windows: Windows
    multiplier: int


@dataclass(frozen=True)
class Dense:
    """A matrix product; the weights are (outputs, depth)."""

    sums: SumsParameters
    rows: int


@dataclass(frozen=True)
class TransposedConvolution:
    """The windows are those of a convolution of the output; see `ops.transpose_conv`."""

    sums: SumsParameters
    windows: Windows


@dataclass(frozen=True)
class MatrixProduct:
    """A product of matrices; the other dimensions broadcast.

    Attributes:
        zero_points: Numbers that are subtracted from the inputs.
        are_exchanged: Whether the last two dimensions of each input are exchanged.
        depth: Number of products that are added.
        scaling: Multiplier of the sum.
        rounding: Rounding method.
        output: The output.
    """

    zero_points: tuple[int, int]
    are_exchanged: tuple[bool, bool]
    depth: int
    scaling: Scaling
    rounding: Rounding
    output: Output


@dataclass(frozen=True)
class Pooling:
    """The largest integer of each window, or the mean, rounded half away from zero."""

    windows: Windows
    is_mean: bool
    low: int
    high: int


@dataclass(frozen=True)
class ScaledReduction:
    """A sum over dimensions, less `offset`, scaled and rounded twice.

    Attributes:
        axes: The dimensions.
        offset: Number that is subtracted from the int32 sum.
        scaling: Multiplier of the sum.
        bit_type: Type as which the bytes of input and output are read.
        output: The output.
    """

    axes: tuple[int, ...]
    offset: int
    scaling: Scaling
    bit_type: str
    output: Output


@dataclass(frozen=True)
class Largest:
    """The largest integer over dimensions."""

    axes: tuple[int, ...]


@dataclass(frozen=True)
class Softmax8:
    """A softmax of int8 scores.

    Attributes:
        exponentials: By the difference to the largest score, up to the last that is not 0: the
            exponential, a fixed-point number with 0 integer bits.
        bits: Number of bits of the output.
        output_low: Lowest output.
        output_high: Highest output.
    """

    exponentials: np.ndarray
    bits: int
    output_low: int
    output_high: int


@dataclass(frozen=True)
class Softmax16:
    """A softmax of int16 scores, interpolated in tables of 513 numbers.

    Attributes:
        scaling: Multiplier of the difference to the largest score.
        exponentials: Table of the exponential.
        inverses: Table of 1 / (1 + x).
    """

    scaling: Scaling
    exponentials: np.ndarray
    inverses: np.ndarray


@dataclass(frozen=True)
class Copies:
    """Elements of the inputs at other places; a kernel whose arithmetic is none.

    Attributes:
        padding: Integer at places that no input element reaches; None if there are none.
    """

    padding: int | None = None
