"""C code of reductions, softmax and products of matrices."""

import numpy as np

from snugnet.firmware.c_text import (
    C_TYPES,
    SUFFIXES,
    braces,
    format_array,
    format_struct,
    pad_list,
)
from snugnet.firmware.step import CodeStep, KernelSource, PreparedNode
from snugnet.int8.node import count_elements
from snugnet.int8.parameters import (
    Largest,
    MatrixProduct,
    Output,
    Rounding,
    ScaledReduction,
    Scaling,
    Softmax8,
    Softmax16,
)

REDUCE_LOOPS = 4


def lower_scaled_reduction(prepared: PreparedNode, reduction: ScaledReduction) -> CodeStep:
    """Generate a mean or a sum."""
    return _lower_reduction(prepared, reduction.axes, reduction.bit_type, reduction)


def lower_largest(prepared: PreparedNode, largest: Largest) -> CodeStep:
    """Generate a maximum over dimensions."""
    return _lower_reduction(prepared, largest.axes, prepared.node.output.dtype, None)


def _lower_reduction(
    prepared: PreparedNode, axes: tuple[int, ...], dtype: str, reduction: ScaledReduction | None
) -> CodeStep:
    suffix = SUFFIXES[dtype]
    replacements = (("SUFFIX", suffix), ("ELEMENT", C_TYPES[dtype]))
    name = prepared.name("reduction")
    offset, scaling, output = 0, Scaling(0, 0), Output(0, 0, 0)
    if reduction is not None:
        offset, scaling, output = reduction.offset, reduction.scaling, reduction.output
    value = braces(
        _format_loops(prepared, axes, False),
        _format_loops(prepared, axes, True),
        reduction is not None,
        offset,
        (scaling.q, scaling.shift),
        (output.zero_point, output.low, output.high),
    )
    pointers = f"(const {C_TYPES[dtype]} *){{in0}}, ({C_TYPES[dtype]} *){{out0}}"
    return CodeStep(
        (KernelSource("snugnet_reduce.h", replacements),),
        (format_struct("snugnet_reduction", name, value),),
        (f"snugnet_reduce_{suffix}({pointers}, &{name});",),
    )


def _format_loops(prepared: PreparedNode, axes: tuple[int, ...], are_reduced: bool) -> str:
    """Return the loops over the dimensions that are reduced, or over the others."""
    node = prepared.node
    shape = node.input(0).shape
    loops: list[tuple[int, int]] = []
    step = 1
    for axis in reversed(range(len(shape))):
        if (axis in axes) == are_reduced and shape[axis] != 1:
            if loops and loops[-1][0] * loops[-1][1] == step:
                loops[-1] = (loops[-1][0] * shape[axis], loops[-1][1])
            else:
                loops.append((shape[axis], step))
        step *= shape[axis]
    node.require(len(loops) <= REDUCE_LOOPS, "reduces too many dimensions")
    loops.reverse()
    return braces(
        pad_list([count for count, _ in loops], REDUCE_LOOPS, 1),
        pad_list([step for _, step in loops], REDUCE_LOOPS, 0),
    )


def lower_softmax_8(prepared: PreparedNode, softmax: Softmax8) -> CodeStep:
    """Generate a softmax of int8 scores."""
    node = prepared.node
    suffix = f"{SUFFIXES[node.output.dtype]}_of_s8"
    columns = node.output.shape[-1]
    replacements = (
        ("SUFFIX", suffix),
        ("ELEMENT", C_TYPES[node.output.dtype]),
        ("LOWEST", f"({softmax.output_low})"),
        ("HIGHEST", str(softmax.output_high)),
        ("BITS", str(softmax.bits)),
    )
    table, name = prepared.name("exponentials"), prepared.name("softmax")
    value = braces(
        table, len(softmax.exponentials), count_elements(node.output) // columns, columns
    )
    return CodeStep(
        (KernelSource("snugnet_softmax.h", replacements),),
        (
            format_array(table, softmax.exponentials.astype(np.int32)),
            format_struct(f"snugnet_softmax_{suffix}", name, value),
        ),
        (f"snugnet_run_softmax_{suffix}({prepared.input(0)}, {prepared.output()}, &{name});",),
        overwrites=(0,) if node.output.dtype == "int8" else (),
    )


def lower_softmax_16(prepared: PreparedNode, softmax: Softmax16) -> CodeStep:
    """Generate a softmax of int16 scores."""
    node = prepared.node
    columns = node.output.shape[-1]
    names = prepared.name("exponentials"), prepared.name("inverses")
    name = prepared.name("softmax")
    value = braces(
        *names,
        (softmax.scaling.q, softmax.scaling.shift),
        count_elements(node.output) // columns,
        columns,
    )
    return CodeStep(
        (KernelSource("snugnet_softmax_s16.h"),),
        (
            format_array(names[0], softmax.exponentials.astype(np.int16)),
            format_array(names[1], softmax.inverses.astype(np.int16)),
            format_struct("snugnet_softmax_s16", name, value),
        ),
        (f"snugnet_run_softmax_s16({prepared.input(0)}, {prepared.output()}, &{name});",),
        overwrites=(0,),
    )


def lower_matrix_product(prepared: PreparedNode, product: MatrixProduct) -> CodeStep:
    """Generate a product of matrices."""
    node = prepared.node
    dtype = node.output.dtype
    is_wide = product.rounding is Rounding.WIDE
    element = "((int32_t)*a - m->first_zero_point) * ((int32_t)*b - m->second_zero_point)"
    scale = "snugnet_scale_wide" if is_wide else "snugnet_scale"
    variant = SUFFIXES[dtype]
    replacements = (
        ("VARIANT", variant),
        ("ELEMENT", C_TYPES[dtype]),
        ("SUM", "int64_t" if is_wide else "int32_t"),
        ("ADDED", f"sum + {element}" if is_wide else f"snugnet_add(sum, {element})"),
        ("SCALED", f"{scale}(sum, m->scaling.q, m->scaling.shift)"),
    )
    rows, columns = node.output.shape[-2:]
    starts = [
        _find_starts(node.input(position).shape, node.output.shape[:-2]) for position in (0, 1)
    ]
    names = prepared.name("first_starts"), prepared.name("second_starts")
    first_steps = _exchange((product.depth, 1), (1, rows), product.are_exchanged[0])
    second_steps = _exchange((columns, 1), (1, product.depth), product.are_exchanged[1])
    name = prepared.name("product")
    value = braces(
        len(starts[0]),
        *names,
        rows,
        columns,
        product.depth,
        *first_steps,
        *second_steps,
        *product.zero_points,
        (product.scaling.q, product.scaling.shift),
        (product.output.zero_point, product.output.low, product.output.high),
    )
    return CodeStep(
        (KernelSource("snugnet_matmul.h", replacements),),
        (
            *(
                format_array(label, np.array(values, np.uint32))
                for label, values in zip(names, starts, strict=True)
            ),
            format_struct(f"snugnet_matmul_{variant}", name, value),
        ),
        (
            f"snugnet_run_matmul_{variant}({prepared.input(0)}, {prepared.input(1)}, "
            f"{prepared.output()}, &{name});",
        ),
    )


def _exchange(
    steps: tuple[int, int], exchanged: tuple[int, int], is_exchanged: bool
) -> tuple[int, int]:
    return exchanged if is_exchanged else steps


def _find_starts(shape: tuple[int, ...], batch: tuple[int, ...]) -> list[int]:
    """Return the index of the first element of the matrix of each batch."""
    size = shape[-2] * shape[-1]
    indices = np.arange(int(np.prod(shape[:-2], dtype=np.int64))).reshape(shape[:-2]) * size
    return [int(i) for i in np.broadcast_to(indices, batch).ravel()]
