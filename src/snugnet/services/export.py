"""Export a model: as C source with a golden input and output, or as a file for NumPy."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.budget import DEFAULT_BUDGET, Budget
from snugnet.core.errors import InputError, ModelFormatError
from snugnet.core.files import atomic_write
from snugnet.core.inputs import list_graph_inputs, split_inputs
from snugnet.core.tflite_graph import Graph
from snugnet.firmware.c_text import make_c_identifier
from snugnet.int8.cost import check_cost
from snugnet.services import user_data
from snugnet.services.arguments import ArgumentError
from snugnet.services.input_files import check_input_files
from snugnet.services.output_files import check_new_file
from snugnet.services.resources import check_resources
from snugnet.tflite.model_file import ModelFile

# Copies of all constants that exist when a model is exported, at most: as text in .json.
COPIES = 4
# Names that can be written between the quotes of #include: no quote, backslash or line feed.
HEADER_NAME = re.compile(r"[A-Za-z0-9_.+ -]+")
C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "float32": "float"}


class Format(StrEnum):
    """Format of an export."""

    C = "c"
    FIRMWARE = "firmware"
    NPZ = "npz"
    JSON = "json"


@dataclass(frozen=True)
class ExportRequest:
    """A request to export a model.

    Attributes:
        model: The .tflite file.
        format: The format.
        output: The path to write; None for the path of the model with the new suffix.
        data: Samples whose first one becomes the golden input; None for a random input.
        force: Whether existing files are replaced.
        budget: Limits on work and memory.
    """

    model: Path
    format: Format
    output: Path | None = None
    data: user_data.DataSource | None = None
    force: bool = False
    budget: Budget = DEFAULT_BUDGET

    @property
    def path(self) -> Path:
        """The path to write.

        Raises:
            InputError: If the suffix is not that of the format.
        """
        path = self.output or self.model.with_suffix(f".{self.format}")
        if path.suffix != f".{self.format}":
            raise ArgumentError(
                "output",
                path,
                f"wrong suffix for format {self.format}. Use a path that ends in .{self.format}.",
            )
        return path


@dataclass(frozen=True)
class ExportReport:
    """Result of an export.

    Attributes:
        model: The .tflite file.
        written: Size of each written file in bytes, by path.
    """

    model: Path
    written: dict[Path, int]

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        written = {str(path): size for path, size in self.written.items()}
        return {"model": str(self.model), "written": written}


@dataclass(frozen=True)
class Golden:
    """One sample and its output, flat, in the types of the file's inputs and output.

    Attributes:
        inputs: Values of each input by its name in C, in the order of the file.
        output: The values of the output.
    """

    inputs: dict[str, np.ndarray]
    output: np.ndarray

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by their name in C, without the name of the model before it."""
        return {**self.inputs, "golden_output": self.output}


def export(request: ExportRequest) -> ExportReport:
    """Export a model.

    Raises:
        InputError: If the model or the samples are unusable, or an option does not fit.
        OSError: If a file cannot be read or written.
    """
    path = request.path
    check_input_files(request.model, None if request.data is None else request.data.path)
    check_new_file(path, request.force)
    if request.format == Format.C:
        _check_header(path.with_suffix(".h"), request.force)
        files = _write_c(request)
    else:
        from snugnet.int8.export import read, write

        graph = read(request.model, request.budget)
        # Many tensors of a small file can share a constant; the new file has a copy for each.
        constants = sum(tensor.size for tensor in graph.tensors)
        request.budget.check_bytes_held(COPIES * constants, str(path))
        write(graph, path)
        files = [path]
    return ExportReport(request.model, {file: file.stat().st_size for file in files})


def _check_header(path: Path, force: bool) -> None:
    """Check that a header can be written, and that its name can be part of C source."""
    if not HEADER_NAME.fullmatch(path.name):
        raise ArgumentError(
            "output",
            None,
            f"the name of the header, {path.name!r}, cannot be written in C source. Use a path "
            "whose file name has only ASCII letters, digits, spaces and the characters _ - . +.",
        )
    check_new_file(path, force)


def _write_c(request: ExportRequest) -> list[Path]:
    output = request.path
    name = make_c_identifier(output.stem)
    file = ModelFile.read(request.model)
    check_cost(file.graph, 1, request.budget, str(request.model))
    _check_outputs(file.graph, str(request.model))
    golden = _golden_of(request, file)
    header = output.with_suffix(".h")
    with atomic_write(header) as header_path, atomic_write(output) as source_path:
        header_path.write_text(_header(name, golden))
        source_path.write_text(_source(name, header.name, file.content, golden))
    return [header, output]


def _check_outputs(graph: Graph, name: str) -> None:
    """Check that a file has one output, which becomes the golden output."""
    if len(graph.outputs) != 1:
        raise InputError(
            f"{name}: {len(graph.outputs)} outputs. Format c supports one output. Use format "
            "firmware, or convert a model for each output."
        )


def _golden_of(request: ExportRequest, file: ModelFile) -> Golden:
    """Compute one output: with the engine, as a microcontroller does; float files with LiteRT."""
    from snugnet.int8.engine import Model
    from snugnet.int8.node import Profile
    from snugnet.tflite.runtimes.isolated import predict

    graph = file.graph
    if request.data is None:
        x = user_data.draw_random_samples(graph, 1)
    else:
        x = user_data.read(request.data, list_graph_inputs(graph)).x[:1]
    inputs = file.quantize_input(x)
    try:
        outputs = np.asarray(Model(graph, Profile.TFLM, request.budget).predict(inputs))
    except ModelFormatError:
        check_resources(request.model, graph, 1, request.budget)
        outputs = predict(request.model, x, request.budget).raw
    arrays = [array.ravel() for array in split_inputs(inputs).values()]
    names = ["golden_input"]
    if len(arrays) > 1:
        names = [f"golden_input_{number}" for number in range(len(arrays))]
    return Golden(dict(zip(names, arrays, strict=True)), outputs.ravel())


def _header(name: str, golden: Golden) -> str:
    guard = f"{name.upper()}_H_"
    arrays = "\n".join(
        f"extern const {_c_type(values)} {name}_{label}[{values.size}];"
        for label, values in golden.arrays.items()
    )
    return f"""\
// Generated by `snugnet export`: a model, a golden input and the expected output.
#ifndef {guard}
#define {guard}

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

extern const unsigned char {name}[];
extern const size_t {name}_len;
{arrays}

#ifdef __cplusplus
}}
#endif

#endif  // {guard}
"""


def _source(name: str, header: str, file: bytes, golden: Golden) -> str:
    numbers = [f"0x{byte:02x}" for byte in file]
    arrays = "\n".join(
        f"const {_c_type(values)} {name}_{label}[{values.size}] = {{\n"
        f"{_lines(_literals(values))}\n}};"
        for label, values in golden.arrays.items()
    )
    # A flatbuffer is read in place, so its 64-bit numbers must be aligned.
    return f"""\
#include "{header}"

#if defined(__GNUC__)
__attribute__((aligned(16)))
#endif
const unsigned char {name}[] = {{
{_lines(numbers)}
}};
const size_t {name}_len = {len(file)};

{arrays}
"""


def _c_type(values: np.ndarray) -> str:
    if str(values.dtype) not in C_TYPES:
        raise InputError(
            f"format c: inputs and outputs of type {values.dtype} are not supported. "
            f"Supported: {', '.join(C_TYPES)}. Use format npz instead."
        )
    return C_TYPES[str(values.dtype)]


def _literals(values: np.ndarray) -> list[str]:
    """Write numbers as C literals without rounding: floats are hexadecimal."""
    if values.dtype.kind == "f":
        return [f"{float(value).hex()}f" for value in values]
    return [str(value) for value in values]


def _lines(numbers: list[str], width: int = 12) -> str:
    parts = (numbers[start : start + width] for start in range(0, len(numbers), width))
    return "\n".join(f"    {', '.join(part)}," for part in parts)
