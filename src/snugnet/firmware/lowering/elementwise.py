"""C code of elementwise operators of one or two tensors."""

from collections.abc import Sequence

import numpy as np

from snugnet.firmware.c_text import (
    C_TYPES,
    SUFFIXES,
    braces,
    format_array,
    format_struct,
    pad_list,
)
from snugnet.firmware.lowering.sums import format_output
from snugnet.firmware.step import CodeStep, KernelSource, PreparedNode
from snugnet.int8.node import count_elements
from snugnet.int8.parameters import (
    FromFloat,
    LeakyRescale,
    Limit,
    LookupTable,
    Output,
    PairSelection,
    ParametricRescale,
    Product,
    Rescale,
    ScaledAddition,
    Scaling,
    ShiftedAddition,
    SigmoidInterpolation,
    ToFloat,
)

# Number of nested loops over two tensors that broadcast.
BROADCAST_LOOPS = 6
NO_SCALING = Scaling(0, 0)


def lower_table(prepared: PreparedNode, table: LookupTable) -> CodeStep:
    """Generate a function of an 8-bit integer as a lookup."""
    name = prepared.name("table")
    expression = f"{name}[(uint8_t)x[i]]"
    return _loop(prepared, expression, (), (format_array(name, table.values),))


def lower_rescale(prepared: PreparedNode, rescale: Rescale) -> CodeStep:
    """Generate a scaled integer."""
    leaky = LeakyRescale(
        rescale.input_zero_point, rescale.scaling, rescale.scaling, 1, rescale.output
    )
    return lower_leaky_rescale(prepared, leaky)


def lower_leaky_rescale(prepared: PreparedNode, rescale: LeakyRescale) -> CodeStep:
    """Generate a scaled integer with two multipliers."""
    name = prepared.name("rescaling")
    value = braces(
        rescale.input_zero_point,
        _format_scaling(rescale.positive),
        _format_scaling(rescale.negative),
        rescale.sign,
        format_output(rescale.output),
    )
    declaration = format_struct("snugnet_rescaling", name, value)
    kernel = KernelSource("snugnet_unary.h")
    return _loop(prepared, f"snugnet_rescale(x[i], &{name})", (kernel,), (declaration,))


def lower_limit(prepared: PreparedNode, limit: Limit) -> CodeStep:
    """Generate limits."""
    return _loop(prepared, f"snugnet_clip(x[i], {limit.low}, {limit.high})", (), ())


def lower_sigmoid(prepared: PreparedNode, sigmoid: SigmoidInterpolation) -> CodeStep:
    """Generate a function of int16 that is interpolated in a table."""
    table, name = prepared.name("table"), prepared.name("sigmoid")
    value = braces(table, sigmoid.multiplier, sigmoid.half, sigmoid.shift)
    declarations = (
        format_array(table, sigmoid.table.astype(np.uint32)),
        format_struct("snugnet_sigmoid", name, value),
    )
    kernel = KernelSource("snugnet_unary.h")
    return _loop(prepared, f"snugnet_{sigmoid.kind}(x[i], &{name})", (kernel,), declarations)


def lower_from_float(prepared: PreparedNode, parameters: FromFloat) -> CodeStep:
    """Generate a quantization of real numbers."""
    name = prepared.name("output")
    declaration = format_struct("snugnet_output", name, format_output(parameters.output))
    expression = f"snugnet_quantize(x[i], {braces(parameters.scale)[1:-1]}, &{name})"
    return _loop(prepared, expression, (KernelSource("snugnet_float.h"),), (declaration,))


def lower_to_float(prepared: PreparedNode, parameters: ToFloat) -> CodeStep:
    """Generate a dequantization."""
    scale = braces(parameters.scale)[1:-1]
    expression = f"snugnet_dequantize(x[i], {scale}, {parameters.zero_point})"
    return _loop(prepared, expression, (KernelSource("snugnet_float.h"),), ())


def lower_scaled_addition(prepared: PreparedNode, addition: ScaledAddition) -> CodeStep:
    """Generate a sum or a difference."""
    value = braces(
        *addition.zero_points,
        addition.left,
        addition.sign,
        *(_format_scaling(scaling) for scaling in addition.inputs),
        _format_scaling(addition.scaling),
        format_output(addition.output),
    )
    return _lower_binary(prepared, "add_scaled", "snugnet_addition", value)


def lower_shifted_addition(prepared: PreparedNode, addition: ShiftedAddition) -> CodeStep:
    """Generate a sum or a difference of int16 that is only shifted."""
    value = braces(
        0,
        0,
        0,
        addition.sign,
        *(_format_scaling(Scaling(0, shift)) for shift in addition.shifts),
        _format_scaling(NO_SCALING),
        format_output(Output(0, addition.low, addition.high)),
    )
    return _lower_binary(prepared, "add_shifted", "snugnet_addition", value)


def lower_product(prepared: PreparedNode, product: Product) -> CodeStep:
    """Generate a product."""
    value = braces(
        *product.zero_points,
        _format_scaling(product.scaling),
        _format_scaling(NO_SCALING),
        format_output(product.output),
    )
    return _lower_binary(prepared, "multiply_scaled", "snugnet_product", value)


def lower_parametric_rescale(prepared: PreparedNode, rescale: ParametricRescale) -> CodeStep:
    """Generate a parametric rectifier."""
    value = braces(
        rescale.input_zero_point,
        rescale.alpha_zero_point,
        _format_scaling(rescale.negative),
        _format_scaling(rescale.positive),
        format_output(rescale.output),
    )
    return _lower_binary(prepared, "rescale_by_alpha", "snugnet_product", value)


def lower_selection(prepared: PreparedNode, selection: PairSelection) -> CodeStep:
    """Generate a maximum or minimum of two integers."""
    function = "maximum" if selection.is_largest else "minimum"
    return _lower_binary(prepared, function, "snugnet_output", braces(0, 0, 0))


def _loop(
    prepared: PreparedNode,
    expression: str,
    kernels: Sequence[KernelSource],
    declarations: Sequence[str],
) -> CodeStep:
    """Generate a loop that computes each element from the one at the same place."""
    node = prepared.node
    source, target = C_TYPES[node.input(0).dtype], C_TYPES[node.output.dtype]
    count = count_elements(node.output)
    statements = (
        "{{",
        f"  const {source} *x = {prepared.input(0)};",
        f"  {target} *y = {prepared.output()};",
        f"  for (uint32_t i = 0; i < {count}; ++i) {{{{",
        f"    y[i] = ({target}){expression};",
        "  }}",
        "}}",
    )
    is_same_size = np.dtype(node.input(0).dtype).itemsize == np.dtype(node.output.dtype).itemsize
    return CodeStep(
        tuple(kernels),
        tuple(declarations),
        statements,
        overwrites=(0,) if is_same_size else (),
    )


def _lower_binary(prepared: PreparedNode, function: str, parameters: str, value: str) -> CodeStep:
    """Generate an operator of two tensors that broadcast."""
    node = prepared.node
    suffix = SUFFIXES[node.output.dtype]
    replacements = (
        ("FUNCTION", function),
        ("SUFFIX", suffix),
        ("ELEMENT", C_TYPES[node.output.dtype]),
        ("PARAMETERS", parameters),
        ("FAST", str(int((function, suffix) == ("add_scaled", "s8")))),
    )
    loops = _find_broadcast(prepared)
    name, broadcast = prepared.name("parameters"), prepared.name("broadcast")
    lists = [
        pad_list([loop[i] for loop in loops], BROADCAST_LOOPS, fill)
        for i, fill in enumerate((1, 0, 0))
    ]
    call = (
        f"snugnet_{function}_{suffix}({prepared.input(0)}, {prepared.input(1)}, "
        f"{prepared.output()}, &{broadcast}, &{name});"
    )
    shape = node.output.shape
    return CodeStep(
        (KernelSource("snugnet_binary.h", replacements),),
        (
            format_struct(parameters, name, value),
            format_struct("snugnet_broadcast", broadcast, braces(*lists)),
        ),
        (call,),
        overwrites=tuple(
            position
            for position in (0, 1)
            if count_elements(node.input(position)) == int(np.prod(shape, dtype=np.int64))
        ),
    )


def _find_broadcast(prepared: PreparedNode) -> list[tuple[int, int, int]]:
    """Return counts and steps of the loops over two tensors, the outermost first."""
    node = prepared.node
    shape = node.output.shape
    steps = [_find_steps(node.input(position).shape, shape) for position in (0, 1)]
    loops: list[tuple[int, int, int]] = []
    for count, first, second in reversed(list(zip(shape, *steps, strict=True))):
        if count == 1:
            continue
        if loops:
            inner = loops[-1]
            if (first, second) == (inner[0] * inner[1], inner[0] * inner[2]):
                loops[-1] = (inner[0] * count, inner[1], inner[2])
                continue
        loops.append((count, first, second))
    node.require(len(loops) <= BROADCAST_LOOPS, "broadcasts too many dimensions")
    return loops[::-1]


def _find_steps(shape: tuple[int, ...], output_shape: tuple[int, ...]) -> list[int]:
    """Return the step in elements along each dimension of the output; 0 where it broadcasts."""
    padded = [1] * (len(output_shape) - len(shape)) + list(shape)
    steps = [int(np.prod(padded[i + 1 :], dtype=np.int64)) for i in range(len(padded))]
    return [0 if size == 1 else step for size, step in zip(padded, steps, strict=True)]


def _format_scaling(scaling: Scaling) -> str:
    return braces(scaling.q, scaling.shift)
