"""The header of a program: its inputs and outputs, its arena, and its functions."""

from collections.abc import Iterator

from snugnet.core.tflite_graph import Tensor
from snugnet.firmware.c_text import C_TYPES, format_number, format_text
from snugnet.firmware.facts import ModelFacts
from snugnet.firmware.program import FirmwareProgram
from snugnet.int8.cost import count_bytes
from snugnet.int8.engine import Port
from snugnet.int8.node import Profile, count_elements

RUNTIMES = {
    Profile.TFLM: "TensorFlow Lite Micro",
    Profile.LITERT_REF: "LiteRT's reference kernels",
}


def write_header(program: FirmwareProgram, name: str, facts: ModelFacts | None = None) -> str:
    """Return the header.

    Args:
        program: The program.
        name: Prefix of all names, a C identifier.
        facts: What is known about the model beyond its file.
    """
    upper = name.upper()
    runtime = RUNTIMES[program.model.profile]
    lines = [
        f"/* A full-integer neural network: computes the same bits as {runtime}. */",
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
        *_describe_facts(upper, facts or ModelFacts()),
    ]
    for label, port in list_ports(program):
        lines += _describe_port(program, name, label, port)
    lines += [
        "/* Compute the outputs from the inputs, which may be overwritten. */",
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


def list_ports(program: FirmwareProgram) -> Iterator[tuple[str, Port]]:
    """Yield all inputs and outputs with their names in C: input, input1, …, output, output1, …."""
    for kind, ports in (("input", program.model.inputs), ("output", program.model.outputs)):
        for number, port in enumerate(ports):
            yield f"{kind}{number or ''}", port


def is_quantized(port: Port) -> bool:
    """Return whether the integers of an input or output represent real numbers."""
    return port.scale > 0 and port.dtype in ("int8", "uint8", "int16")


def get_tensor(program: FirmwareProgram, port: Port) -> Tensor:
    """Return the tensor of an input or output."""
    tensor: Tensor = program.model.graph.tensors[port.index]
    return tensor


def declare_converter(name: str, label: str, port: Port) -> str:
    """Return the declaration of the function that quantizes an input or dequantizes an output."""
    kind = C_TYPES[port.dtype]
    if label.startswith("input"):
        return f"void {name}_quantize_{label}(const float *values, {kind} *{label})"
    return f"void {name}_dequantize_{label}(const {kind} *{label}, float *values)"


def _describe_facts(upper: str, facts: ModelFacts) -> list[str]:
    lines = []
    if facts.class_names:
        names = ", ".join(map(format_text, facts.class_names))
        lines += [
            "/* Names of the classes in the order of the output, to initialize const char *[]. */",
            f"#define {upper}_CLASS_COUNT {len(facts.class_names)}",
            f"#define {upper}_CLASS_NAMES {{{names}}}",
            "",
        ]
    return lines + facts.scaling.describe(upper) if facts.scaling else lines


def _describe_port(program: FirmwareProgram, name: str, label: str, port: Port) -> list[str]:
    upper, kind = f"{name}_{label}".upper(), C_TYPES[port.dtype]
    tensor = get_tensor(program, port)
    shape = " x ".join(map(str, port.shape)) or "1"
    is_input = label.startswith("input")
    const = "" if is_input else "const "
    lines = [
        f"/* {'Input' if is_input else 'Output'}: {shape} numbers of type {kind}, the last axis "
        "varies fastest. */",
        f"#define {upper}_SIZE {count_elements(tensor)}",
        f"#define {upper}_BYTES {count_bytes(tensor)}",
        f"#define {upper}_OFFSET {program.offsets[port.index]}",
        f"static inline {const}{kind} *{name}_{label}({const}void *arena) {{",
        f"  return ({const}{kind} *)(({const}uint8_t *)arena + {upper}_OFFSET);",
        "}",
    ]
    if is_quantized(port):
        lines += [
            f"/* real number = {upper}_SCALE * (integer - {upper}_ZERO_POINT) */",
            f"#define {upper}_SCALE {format_number(port.scale, 'float32')}",
            f"#define {upper}_ZERO_POINT {_in_parentheses(port.zero_point)}",
            f"{declare_converter(name, label, port)};",
        ]
    return [*lines, ""]


def _in_parentheses(number: int) -> str:
    return f"({number})" if number < 0 else str(number)
