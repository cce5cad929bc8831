"""`snugnet export`: a model for firmware, as C arrays, or for NumPy."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from snugnet.cli.console import Json, say, working
from snugnet.errors import InputError, ModelFormatError

Model = Annotated[Path, typer.Argument(help="A .tflite file.")]
Output = Annotated[
    Path | None, typer.Option("--output", help="Where to; else beside the model, by its name.")
]
Samples = Annotated[
    Path | None,
    typer.Option("--data", help="Whose first sample is the golden input; else it is random."),
]
C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "float32": "float"}
SEED = 0


class Form(StrEnum):
    """What a model is exported as."""

    C = "c"
    NPZ = "npz"
    JSON = "json"


To = Annotated[Form, typer.Option("--to", help="C arrays with a golden pair, or for NumPy alone.")]


def command(
    model: Model, to: To, output: Output = None, data: Samples = None, as_json: Json = False
) -> None:
    """Write a model as C source and header, with an input and its output, or for NumPy alone."""
    output = output or model.with_suffix(f".{to}")
    if output.suffix != f".{to}":
        raise InputError(f"--output {output}: a file that ends in .{to} is needed")
    with working():
        files = _write_c(model, output, data) if to == Form.C else _write_graph(model, output)
    written = {str(path): path.stat().st_size for path in files}
    say({"model": str(model), "written": written}, as_json, _show)


def _write_graph(model: Path, output: Path) -> list[Path]:
    from snugnet.int8.export import read, write

    write(read(model), output)
    return [output]


def _write_c(model: Path, output: Path, data: Path | None) -> list[Path]:
    from snugnet.jobs import replacing

    name = re.sub(r"\W", "_", output.stem)
    name = f"model_{name}" if name[0].isdigit() else name
    golden, truth = _golden(model, data)
    header = output.with_suffix(".h")
    with replacing(header) as first, replacing(output) as second:
        first.write_text(_header(name, golden, truth))
        second.write_text(_source(name, header.name, model.read_bytes(), golden, truth))
    return [header, output]


def _golden(model: Path, data: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Give one input and its output, flat, in the types of the file's ends.

    What a microcontroller computes is said by the engine; of a file with floats, by LiteRT.
    """
    from snugnet.cli import data as user
    from snugnet.int8.engine import Model as Engine
    from snugnet.int8.node import Profile
    from snugnet.tflite.flatbuffer import read_graph
    from snugnet.tflite.litert import predict, quantize_for

    graph = read_graph(model)
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    x = user.drawn(graph, 1, SEED) if data is None else user.read(data, shape).x[:1]
    given = quantize_for(model, x)
    try:
        truth = np.asarray(Engine(graph, Profile.TFLM).predict(given))
    except ModelFormatError:
        truth = predict(model, x).raw
    return given.ravel(), truth.ravel()


def _header(name: str, golden: np.ndarray, truth: np.ndarray) -> str:
    guard = f"{name.upper()}_H_"
    return f"""\
// Written by `snugnet export`: a model, an input and the output that it must give.
#ifndef {guard}
#define {guard}

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

extern const unsigned char {name}[];
extern const size_t {name}_len;
extern const {_c_type(golden)} {name}_golden_input[{golden.size}];
extern const {_c_type(truth)} {name}_golden_output[{truth.size}];

#ifdef __cplusplus
}}
#endif

#endif  // {guard}
"""


def _source(name: str, header: str, file: bytes, golden: np.ndarray, truth: np.ndarray) -> str:
    numbers = [f"0x{byte:02x}" for byte in file]
    # A flatbuffer is read in place: its 64-bit numbers must lie where the processor can read them.
    return f"""\
#include "{header}"

#if defined(__GNUC__)
__attribute__((aligned(16)))
#endif
const unsigned char {name}[] = {{
{_lines(numbers)}
}};
const size_t {name}_len = {len(file)};

const {_c_type(golden)} {name}_golden_input[{golden.size}] = {{
{_lines(_literals(golden))}
}};
const {_c_type(truth)} {name}_golden_output[{truth.size}] = {{
{_lines(_literals(truth))}
}};
"""


def _c_type(values: np.ndarray) -> str:
    if str(values.dtype) not in C_TYPES:
        raise InputError(f"ends of type {values.dtype}: allowed are {', '.join(C_TYPES)}")
    return C_TYPES[str(values.dtype)]


def _literals(values: np.ndarray) -> list[str]:
    """Write numbers so that C reads them to the last bit."""
    if values.dtype.kind == "f":
        return [f"{float(value).hex()}f" for value in values]
    return [str(value) for value in values]


def _lines(numbers: list[str], width: int = 12) -> str:
    parts = (numbers[start : start + width] for start in range(0, len(numbers), width))
    return "\n".join(f"    {', '.join(part)}," for part in parts)


def _show(console: Console, found: dict[str, Any]) -> None:
    for path, size in found["written"].items():
        console.print(f"{path}: {size:,} bytes", markup=False)
