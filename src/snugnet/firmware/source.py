"""The C source and header of a program."""

import re
from pathlib import Path

from snugnet.core.tflite_graph import Tensor
from snugnet.firmware.c_text import C_TYPES, format_array
from snugnet.firmware.program import FirmwareProgram, PlacedStep
from snugnet.firmware.step import KernelSource
from snugnet.int8.cost import count_bytes
from snugnet.int8.engine import Port

KERNELS = Path(__file__).with_name("c")
INCLUDE = re.compile(r'^#include "(\w+\.h)"\n', re.MULTILINE)


def write_header(program: FirmwareProgram, name: str) -> str:
    """Return the header: the size of the arena, and where inputs and outputs are in it.

    Args:
        program: The program.
        name: Prefix of all names, a C identifier.
    """
    upper = name.upper()
    lines = [
        f"#ifndef {upper}_H",
        f"#define {upper}_H",
        "",
        "#include <stdint.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        "/* Memory for all tensors, in bytes. Its address must be a multiple of 8. */",
        f"#define {upper}_ARENA_BYTES {max(program.arena, 4)}",
        "",
    ]
    for kind, ports in (("INPUT", program.model.inputs), ("OUTPUT", program.model.outputs)):
        for number, port in enumerate(ports):
            lines += _describe_port(program, upper, f"{kind}{number or ''}", port)
    lines += [
        "/* Compute the outputs from the inputs, which are overwritten. */",
        f"void {name}_run(void *arena);",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def write_source(program: FirmwareProgram, name: str) -> str:
    """Return the source: kernels, constants and the function that runs the model.

    Args:
        program: The program.
        name: Prefix of all names, a C identifier.
    """
    kernels = [kernel for placed in program.steps if placed.step for kernel in placed.step.kernels]
    parts = [f'#include "{name}.h"\n', _write_kernels(kernels)]
    for index, tensor in sorted(program.constants.items()):
        if tensor.values is not None and _is_read(program, index):
            parts.append(format_array(f"tensor{index}", tensor.values))
    for placed in program.steps:
        if placed.step is not None:
            parts += placed.step.declarations
    parts.append(_write_run(program, name))
    return "\n".join(parts)


def _describe_port(program: FirmwareProgram, upper: str, label: str, port: Port) -> list[str]:
    shape = " x ".join(map(str, port.shape)) or "1"
    quantization = f", scale {port.scale:.9g}, zero point {port.zero_point}" if port.scale else ""
    tensor = program.model.graph.tensors[port.index]
    return [
        f"/* {shape} {C_TYPES[port.dtype]}{quantization} */",
        f"#define {upper}_{label}_OFFSET {program.offsets[port.index]}",
        f"#define {upper}_{label}_BYTES {count_bytes(tensor)}",
        "",
    ]


def _write_kernels(kernels: list[KernelSource]) -> str:
    """Return the text of all kernels, each once, after those that it includes."""
    texts: dict[KernelSource, str] = {}
    for kernel in [KernelSource("snugnet_math.h"), *kernels]:
        _add_kernel(kernel, texts)
    return "\n".join(texts.values())


def _add_kernel(kernel: KernelSource, texts: dict[KernelSource, str]) -> None:
    if kernel in texts:
        return
    text = (KERNELS / kernel.file).read_text()
    for file in INCLUDE.findall(text):
        _add_kernel(KernelSource(file), texts)
    for word, replacement in kernel.replacements:
        text = text.replace(word, replacement)
    texts[kernel] = INCLUDE.sub("", text)


def _is_read(program: FirmwareProgram, index: int) -> bool:
    return index in program.constant_outputs or any(
        placed.step is not None and f"{{in{position}}}" in "".join(placed.step.statements)
        for placed in program.steps
        for position, tensor in enumerate(placed.prepared.node.inputs)
        if tensor is not None and tensor.index == index
    )


def _write_run(program: FirmwareProgram, name: str) -> str:
    lines = [f"void {name}_run(void *memory) {{", "  uint8_t *arena = (uint8_t *)memory;"]
    lines.append("  (void)arena;")  # a model may only copy its input
    for placed in program.steps:
        node = placed.prepared.node
        lines.append(f"  /* {node.index} {node.name} */")
        if placed.step is not None:
            places = _list_places(program, placed)
            for statement in placed.step.statements:
                lines.append("  " + statement.format_map(places))
    for index in program.constant_outputs:
        place, size = program.offsets[index], count_bytes(program.constants[index])
        lines.append(f"  memcpy(arena + {place}, tensor{index}, {size});")
    return "\n".join([*lines, "}", ""])


def _list_places(program: FirmwareProgram, placed: PlacedStep) -> dict[str, str]:
    node = placed.prepared.node
    places = {"scratch": f"(arena + {placed.scratch})"}
    for kind, tensors in (("in", node.inputs), ("out", node.outputs)):
        for position, tensor in enumerate(tensors):
            if tensor is not None:
                places[f"{kind}{position}"] = _find_place(program, tensor)
    return places


def _find_place(program: FirmwareProgram, tensor: Tensor) -> str:
    if tensor.values is not None:
        return f"tensor{tensor.index}"
    return f"(arena + {program.offsets[tensor.index]})"
