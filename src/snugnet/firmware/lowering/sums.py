"""C code of operators with weights."""

from dataclasses import dataclass

import numpy as np

from snugnet.firmware.c_text import C_TYPES, braces, format_array, format_struct
from snugnet.firmware.step import CodeStep, KernelSource, PreparedNode, SumsTraits
from snugnet.int8.fixed_point import INT32_MAX, quantize_multiplier
from snugnet.int8.node import count_elements
from snugnet.int8.parameters import (
    Convolution,
    Dense,
    DepthwiseConvolution,
    Output,
    Rounding,
    SumsParameters,
    TransposedConvolution,
)
from snugnet.int8.windows import Windows

# Largest number of channels and positions: the C structures have 16 bits.
MAX_SIZE, MAX_PADDING = 0xFFFF, 0x7FFF
# The kernels read weights and inputs in words of four bytes.
WORD = 4


def lower_dense(prepared: PreparedNode, dense: Dense) -> CodeStep:
    """Generate a dense layer: a convolution of rows, whose windows are single positions."""
    depth = dense.sums.weights.shape[1]
    prepared.node.require(dense.rows <= MAX_SIZE, "has too many rows for generated code")
    weights = dense.sums.weights.reshape(-1, 1, 1, depth)
    image = Image(1, (dense.rows, 1), depth)
    windows = Windows((1, 1), (1, 1), (1, 1), (0, 0), (dense.rows, 1), (dense.rows, 1))
    return _lower_convolution(prepared, dense.sums, weights, windows, image, 1)


def lower_convolution(prepared: PreparedNode, convolution: Convolution) -> CodeStep:
    """Generate a convolution."""
    image = Image.of(prepared.node.input(0).shape)
    return _lower_convolution(
        prepared,
        convolution.sums,
        convolution.sums.weights,
        convolution.windows,
        image,
        convolution.groups,
    )


def lower_depthwise(prepared: PreparedNode, convolution: DepthwiseConvolution) -> CodeStep:
    """Generate a depthwise convolution."""
    image = Image.of(prepared.node.input(0).shape)
    sums = convolution.sums
    if not _is_fast(prepared, sums):
        weights = sums.weights.transpose(3, 1, 2, 0)
        return _lower_general(
            prepared, sums, weights, convolution.windows, image, image.channels, "convolve"
        )
    constants, declarations, traits = _declare_sums(prepared, sums, sums.weights, sums.bias, 3)
    name = prepared.name("conv")
    value = braces(
        format_windows(prepared, convolution.windows, image),
        convolution.multiplier,
        sums.input_zero_point,
        constants,
    )
    declaration = format_struct("snugnet_depthwise", name, value)
    call = f"snugnet_convolve_channels({prepared.input(0)}, {prepared.output()}, &{name});"
    kernels = (KernelSource("snugnet_depthwise.h"),)
    return CodeStep(kernels, (*declarations, declaration), (call,), traits=traits)


def lower_transposed(prepared: PreparedNode, convolution: TransposedConvolution) -> CodeStep:
    """Generate a transposed convolution."""
    tensor = prepared.node.input(2)
    image = Image(tensor.shape[0], convolution.windows.size, tensor.shape[3])
    windows = Windows(
        convolution.windows.kernel,
        convolution.windows.stride,
        (1, 1),
        convolution.windows.padding,
        (tensor.shape[1], tensor.shape[2]),
        convolution.windows.size,
    )
    sums = convolution.sums
    return _lower_general(
        prepared, sums, sums.weights, windows, image, 1, "convolve_transposed", input_position=2
    )


@dataclass(frozen=True)
class Image:
    """Number, size and channels of the images."""

    count: int
    size: tuple[int, int]
    channels: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "Image":
        """Return the images of a tensor, (n, height, width, channels)."""
        return cls(shape[0], (shape[1], shape[2]), shape[3])


def _is_fast(prepared: PreparedNode, sums: SumsParameters) -> bool:
    """Return whether the kernels for int8 can compute the sums."""
    return (
        prepared.node.output.dtype == "int8"
        and sums.rounding is Rounding.TWICE
        and bool((np.abs(sums.weights) <= 128).all() and (sums.weights < 128).all())
        and sums.bound <= INT32_MAX
        and bool((np.abs(_fold_bias(sums, 0)) <= INT32_MAX).all())
    )


def _fold_bias(sums: SumsParameters, axis: int) -> np.ndarray:
    """Return the bias less the input zero point times the sum of the weights."""
    others = tuple(i for i in range(sums.weights.ndim) if i != axis)
    return sums.bias - sums.input_zero_point * sums.weights.sum(axis=others)


def _lower_convolution(
    prepared: PreparedNode,
    sums: SumsParameters,
    weights: np.ndarray,
    windows: Windows,
    image: Image,
    groups: int,
) -> CodeStep:
    if not _is_fast(prepared, sums):
        return _lower_general(prepared, sums, weights, windows, image, groups, "convolve")
    bias = _fold_bias(sums, 0)
    constants, declarations, traits = _declare_sums(prepared, sums, weights, bias, 0)
    name = prepared.name("conv")
    stride = -(-weights[0].size // WORD) * WORD
    kernels = (KernelSource("snugnet_conv.h"),)
    value = braces(
        format_windows(prepared, windows, image), groups, sums.input_zero_point, constants
    ).replace("OUTPUTS", str(len(weights) // groups))
    declaration = format_struct("snugnet_conv", name, value)
    call = (
        f"snugnet_convolve({prepared.input(0)}, {prepared.output()}, (int8_t *){{scratch}}, "
        f"&{name});"
    )
    return CodeStep(
        kernels, (*declarations, declaration), (call,), scratch=2 * stride, traits=traits
    )


def _declare_sums(
    prepared: PreparedNode, sums: SumsParameters, weights: np.ndarray, bias: np.ndarray, axis: int
) -> tuple[str, list[str], SumsTraits]:
    """Return the initializer of `snugnet_sums`, the arrays that it names, and their traits."""
    outputs = weights.shape[axis]
    q, shift = quantize_multiplier(_shorten(sums.real_multipliers))
    names = {part: prepared.name(part) for part in ("weights", "bias", "q", "shift")}
    depth = weights.size // outputs
    stride = depth
    if axis == 0:
        stride = -(-depth // WORD) * WORD
        weights = np.pad(weights.reshape(outputs, depth), ((0, 0), (0, stride - depth)))
    arrays = [
        format_array(names["weights"], weights.astype(np.int8)),
        format_array(names["bias"], bias.astype(np.int32)),
        format_array(names["q"], q.astype(np.int32)),
        format_array(names["shift"], (-shift).astype(np.int8)),
    ]
    # One multiplier for one output is a multiplier for each.
    traits = SumsTraits(
        is_simple=_is_simple(sums, shift),
        is_limited=(sums.output.low, sums.output.high) != (-128, 127),
        is_scaled=len(q) == outputs,
    )
    value = braces(
        *names.values(),
        "OUTPUTS" if axis == 0 else outputs,
        traits.is_scaled,
        traits.is_simple,
        traits.is_limited,
        1 + 2 * sums.output.zero_point,
        depth,
        stride,
        format_output(sums.output),
    )
    return value, arrays, traits


def _is_simple(sums: SumsParameters, shift: np.ndarray) -> bool:
    """Return whether a sum is scaled by a right shift, without overflow."""
    return bool((shift < 0).all()) and sums.bound < INT32_MAX // 2


def _shorten(values: np.ndarray) -> np.ndarray:
    """Return one number instead of equal ones."""
    return values[:1] if len(values) and bool((values == values[0]).all()) else values


def _lower_general(
    prepared: PreparedNode,
    sums: SumsParameters,
    weights: np.ndarray,
    windows: Windows,
    image: Image,
    groups: int,
    function: str,
    input_position: int = 0,
) -> CodeStep:
    """Generate a convolution of any type."""
    node = prepared.node
    is_narrow = bool((weights >= -128).all() and (weights < 128).all())
    weight_type = np.int8 if is_narrow else np.int16
    scaled = {
        Rounding.TWICE: "snugnet_scale((int32_t)sum, conv->q[i], conv->shift[i])",
        Rounding.WIDE: "snugnet_scale_wide(sum, conv->q[i], conv->shift[i])",
        Rounding.FLOAT: "snugnet_round((double)(int32_t)sum * conv->real[i])",
    }[sums.rounding]
    variant = f"{sums.rounding.name.lower()}_{node.output.dtype}_{np.dtype(weight_type).name}"
    replacements = (
        ("VARIANT", variant),
        ("ELEMENT", C_TYPES[node.output.dtype]),
        ("WEIGHT", C_TYPES[np.dtype(weight_type).name]),
        ("SCALED", scaled),
    )
    multipliers = _shorten(sums.real_multipliers)
    q, shift = quantize_multiplier(multipliers)
    is_float = sums.rounding is Rounding.FLOAT
    names = {part: prepared.name(part) for part in ("weights", "bias", "q", "shift", "real")}
    arrays = [
        format_array(names["weights"], np.ascontiguousarray(weights).astype(weight_type)),
        format_array(names["bias"], sums.bias.astype(np.int64)),
    ]
    if is_float:
        arrays.append(format_array(names["real"], multipliers.astype(np.float64)))
    else:
        arrays.append(format_array(names["q"], q.astype(np.int32)))
        arrays.append(format_array(names["shift"], shift.astype(np.int8)))
    name = prepared.name("conv")
    value = braces(
        format_windows(prepared, windows, image),
        groups,
        len(weights),
        int(len(multipliers) > 1),
        sums.input_zero_point,
        names["weights"],
        names["bias"],
        "0" if is_float else names["q"],
        "0" if is_float else names["shift"],
        names["real"] if is_float else "0",
        format_output(sums.output),
    )
    kernels = []
    if is_float:
        kernels.append(KernelSource("snugnet_float.h"))
    kernels.append(KernelSource("snugnet_general.h", replacements))
    call = (
        f"snugnet_{function}_{variant}({prepared.input(input_position)}, {prepared.output()}, "
        f"&{name});"
    )
    declaration = format_struct(f"snugnet_general_{variant}", name, value)
    return CodeStep(tuple(kernels), (*arrays, declaration), (call,))


def format_windows(prepared: PreparedNode, windows: Windows, image: Image) -> str:
    """Return the initializer of `snugnet_windows`.

    Raises:
        ModelFormatError: If a number does not fit the structure of the C code.
    """
    sizes = (image.count, *windows.size, image.channels, *windows.output_size)
    steps = (*windows.kernel, *windows.stride, *windows.dilation)
    prepared.node.require(
        all(0 <= number <= MAX_SIZE for number in (*sizes, *steps))
        and all(abs(number) <= MAX_PADDING for number in windows.padding),
        "has windows that are too large for generated code",
    )
    return braces(*sizes, *steps, *windows.padding)


def format_output(output: Output) -> str:
    """Return the initializer of `snugnet_output`."""
    return braces(output.zero_point, output.low, output.high)


def check_sizes(prepared: PreparedNode) -> None:
    """Check that all sizes fit the structures of the C code.

    Raises:
        ModelFormatError: If a dimension is larger.
    """
    node = prepared.node
    for tensor in (*node.inputs, *node.outputs):
        if tensor is not None:
            node.require(
                max(tensor.shape, default=0) <= MAX_SIZE and count_elements(tensor) < 1 << 31,
                f"tensor {tensor.index} is too large for generated code",
            )
