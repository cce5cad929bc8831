"""C code of operators that copy elements."""

import numpy as np

from snugnet.firmware.c_text import braces, format_struct, pad_list
from snugnet.firmware.copies import MAX_LOOPS, CopyBlock, find_copies
from snugnet.firmware.step import CodeStep, KernelSource, PreparedNode
from snugnet.int8.node import count_elements
from snugnet.int8.parameters import Copies

# The C structure has 16 bits for the count of a loop.
MAX_COUNT = 0xFFFF


def lower_copies(prepared: PreparedNode, copies: Copies) -> CodeStep | None:
    """Generate copies; before them, padding is written to the whole output.

    Returns:
        The code; None if all elements of the first input keep their order.
    """
    node = prepared.node
    blocks = find_copies(node, prepared.kernel)
    whole = CopyBlock(0, 0, 0, 0, count_elements(node.output), ())
    if blocks == [whole] and count_elements(node.input(0)) == whole.length:
        return None
    statements, declarations, kernels = [], [], []
    if copies.padding is not None:
        count = count_elements(node.output)
        if node.output.dtype == "int8" or copies.padding == 0:
            size = count * np.dtype(node.output.dtype).itemsize
            statements.append(f"memset({{out0}}, {copies.padding}, {size});")
        else:
            kernels.append(KernelSource("snugnet_fill.h"))
            statements.append(f"snugnet_fill({prepared.output()}, {copies.padding}, {count});")
    for number, block in enumerate(blocks):
        size = np.dtype(node.outputs[block.output].dtype).itemsize
        if not block.loops:
            to, source = block.to_start * size, block.from_start * size
            statements.append(
                f"memcpy((uint8_t *){{out{block.output}}} + {to}, "
                f"(const uint8_t *){{in{block.position}}} + {source}, {block.length * size});"
            )
            continue
        counts = [loop.count for loop in block.loops]
        node.require(max(counts) <= MAX_COUNT, "copies too many elements for generated code")
        name = prepared.name(f"copies{number}")
        declarations.append(format_struct("snugnet_copies", name, _format_block(block, size)))
        statements.append(f"snugnet_copy({{out{block.output}}}, {{in{block.position}}}, &{name});")
        kernels.append(KernelSource("snugnet_copy.h"))
    return CodeStep(tuple(kernels), tuple(declarations), tuple(statements))


def _format_block(block: CopyBlock, size: int) -> str:
    counts = [loop.count for loop in block.loops]
    to_steps = [loop.to_step * size for loop in block.loops]
    from_steps = [loop.from_step * size for loop in block.loops]
    return braces(
        block.to_start * size,
        block.from_start * size,
        block.length * size,
        pad_list(counts, MAX_LOOPS, 1),
        pad_list(to_steps, MAX_LOOPS, 0),
        pad_list(from_steps, MAX_LOOPS, 0),
    )
