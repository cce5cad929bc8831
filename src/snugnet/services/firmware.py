"""Firmware of a full-integer model: a folder of C99 source, and its cost on emulated devices."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snugnet import __version__
from snugnet.core.budget import DEFAULT_BUDGET, Budget, as_budget
from snugnet.core.errors import InputError
from snugnet.core.text import format_count
from snugnet.firmware.build import CANDIDATES, write_files
from snugnet.firmware.c_text import check_c_name
from snugnet.firmware.emulator import check_tools, emulate_program, find_target
from snugnet.firmware.estimates import EstimatedFootprint, estimate_footprints
from snugnet.firmware.facts import ModelFacts, RawScaling
from snugnet.firmware.folder import list_files, write_folder
from snugnet.firmware.footprint import DeviceFootprint
from snugnet.firmware.golden import choose_golden, compute_vectors
from snugnet.firmware.program import make_program
from snugnet.firmware.source import count_constants
from snugnet.firmware.targets import TARGETS
from snugnet.int8.cost import check_cost
from snugnet.int8.engine import Model
from snugnet.int8.node import Profile
from snugnet.services import user_data
from snugnet.services.arguments import ArgumentError, check_count, check_type
from snugnet.services.file_scheme import check_full_integer
from snugnet.services.output_files import check_new_file
from snugnet.services.result_table import html_table, text_table
from snugnet.tflite.model_file import ModelFile

if TYPE_CHECKING:
    from snugnet.services.quantized_model import QuantizedModel

# Number of samples that are emulated.
EMULATED = 64
MODEL_TYPES = "the path of a .tflite file, or a QuantizedModel"


@dataclass(frozen=True)
class FirmwareExport:
    """A folder of C99 source that was written.

    In a notebook, it is shown as a table.

    Attributes:
        folder: The folder.
        arena_bytes: Bytes of RAM for tensors, which the caller provides.
        constant_bytes: Bytes of flash for weights, biases and tables.
        footprints: Costs on the targets that were asked for.
        estimates: Estimated costs on the other targets.
        written: Size of each written file in bytes, by path.
    """

    folder: Path
    arena_bytes: int
    constant_bytes: int
    footprints: tuple[DeviceFootprint, ...]
    estimates: tuple[EstimatedFootprint, ...]
    written: dict[Path, int]

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {
            "folder": str(self.folder),
            "arena_bytes": self.arena_bytes,
            "constant_bytes": self.constant_bytes,
            "footprints": [footprint.to_json() for footprint in self.footprints],
            "estimates": [asdict(estimate) for estimate in self.estimates],
            "written": {str(path): size for path, size in self.written.items()},
        }

    def summary(self) -> dict[str, str]:
        """Return the rows of the table that a notebook shows: heading and text."""
        rows = {
            "arena": f"{self.arena_bytes:,} bytes of RAM",
            "constants": f"{self.constant_bytes:,} bytes of flash",
        }
        rows |= _summarize_footprints(self.footprints)
        for estimate in self.estimates:
            rows[f"{estimate.target}, estimated"] = (
                f"flash {estimate.flash_bytes:,} bytes (± {estimate.flash_error:.0%}), RAM "
                f"{estimate.ram_bytes:,} bytes, {estimate.instructions:,} instructions "
                f"(± {estimate.instructions_error:.0%})"
            )
        return rows

    def __repr__(self) -> str:
        return text_table(f"Firmware in {self.folder}", self.summary())

    def _repr_html_(self) -> str:
        return html_table(f"Firmware in {self.folder}", self.summary())


@dataclass(frozen=True)
class Emulation:
    """Costs of a model on emulated devices.

    In a notebook, it is shown as a table.

    Attributes:
        footprints: Flash, RAM and instructions on each target.
        inputs: Source of the samples: a path, `samples` for an array, or `random`.
    """

    footprints: tuple[DeviceFootprint, ...]
    inputs: str

    @property
    def exact(self) -> bool:
        """Whether all outputs on all targets equalled those of the engine."""
        return all(footprint.exact for footprint in self.footprints)

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        footprints = [footprint.to_json() for footprint in self.footprints]
        return {"exact": self.exact, "inputs": self.inputs, "footprints": footprints}

    def summary(self) -> dict[str, str]:
        """Return the rows of the table that a notebook shows: heading and text."""
        return _summarize_footprints(self.footprints)

    def __repr__(self) -> str:
        return text_table(f"Emulation ({self.inputs} inputs)", self.summary())

    def _repr_html_(self) -> str:
        return html_table(f"Emulation ({self.inputs} inputs)", self.summary())


def export_firmware(
    model: "str | Path | QuantizedModel",
    folder: str | Path,
    data: str | Path | user_data.DataSource | np.ndarray | None = None,
    name: str = "model",
    class_names: Sequence[str] = (),
    record: str | Path | None = None,
    targets: Sequence[str] = (),
    profile: str = Profile.TFLM,
    overwrite: bool = False,
    budget: float | Budget = DEFAULT_BUDGET,
) -> FirmwareExport:
    """Write a full-integer model as C99 source with golden vectors, a self-test and build files.

    The code computes the same bits as the integer engine. It needs no libraries.

    Args:
        model: Path of a full-integer .tflite file, or a `QuantizedModel` with a full-integer
            scheme.
        folder: The folder to write: a new or an empty one, unless `overwrite` is set. Other files
            in it are kept.
        data: Samples in the units that the model was trained on: numbers of shape (n, ...), or the
            path of a .npz, .npy or .csv file. The golden vectors are chosen among the first ones.
            None: among random samples.
        name: Prefix of all names in C, and name of the source file.
        class_names: Names of the classes in the order of the output.
        record: The record.json of a dataset of a study. Its scaling from the units of the sensor is
            described in the header.
        targets: Targets on which the model is measured, for the README of the folder; see
            `emulate`.
        profile: Runtime whose bits the code computes: `tflm` (TensorFlow Lite Micro) or
            `litert_ref` (LiteRT's reference kernels).
        overwrite: Whether existing files are replaced, and other files in the folder allowed.
        budget: Limits on work and memory, or the factor by which the default limits are multiplied.

    Returns:
        What was written, and what it costs.

    Raises:
        InputError: If the model, the samples or an argument cannot be used, if the folder is not
            empty, or if a tool for a target is not installed.
        ModelFormatError: If the engine does not support the model.
        OSError: If a file cannot be read or written.
    """
    limits = as_budget(budget)
    path = Path(folder)
    names = _check_class_names(class_names)
    _check_name(name)
    boards = [find_target(target) for target in targets]
    if boards:
        check_tools()
    _check_folder(path, name, overwrite)
    facts = ModelFacts(names, None if record is None else RawScaling.read(Path(record)))
    file = _read_file(model, "export --to firmware", limits)
    _check_class_count(file, names)
    samples, _ = _read_samples(file, data, CANDIDATES, limits)
    engine = Model(file.graph, profile, limits)
    vectors = compute_vectors(engine, file.quantize_input(samples))
    program = make_program(engine)
    golden = choose_golden(vectors)
    footprints = tuple(emulate_program(program, target, golden) for target in boards)
    others = [target for target in TARGETS if target not in targets]
    estimates = estimate_footprints(program, others)
    texts = write_folder(program, name, golden, facts, footprints, estimates, __version__)
    write_files(path, texts)
    return FirmwareExport(
        folder=path,
        arena_bytes=program.arena,
        constant_bytes=count_constants(program),
        footprints=footprints,
        estimates=estimates,
        written={path / relative: (path / relative).stat().st_size for relative in sorted(texts)},
    )


def emulate(
    model: "str | Path | QuantizedModel",
    targets: str | Sequence[str] = ("cortex-m4",),
    data: str | Path | user_data.DataSource | np.ndarray | None = None,
    samples: int = EMULATED,
    profile: str = Profile.TFLM,
    budget: float | Budget = DEFAULT_BUDGET,
) -> Emulation:
    """Measure flash, RAM and instructions of a full-integer model on emulated microcontrollers.

    The C code of the model is compiled with arm-none-eabi-gcc -O2 and run in QEMU.

    Args:
        model: Path of a full-integer .tflite file, or a `QuantizedModel` with a full-integer
            scheme.
        targets: Names of targets: `cortex-m0`, `cortex-m4`, `cortex-m33`, `cortex-m55`.
        data: Samples in the units that the model was trained on: numbers of shape (n, ...), or the
            path of a .npz, .npy or .csv file. None: random samples.
        samples: Number of samples to run, at most.
        profile: Runtime whose bits the code computes; see `export_firmware`.
        budget: Limits on work and memory, or the factor by which the default limits are multiplied.

    Returns:
        The costs on each target, and whether all outputs equalled those of the engine.

    Raises:
        InputError: If the model, the samples or a target cannot be used, or if a tool is not
            installed.
        ModelFormatError: If the engine does not support the model.
        OSError: If a file cannot be read.
    """
    check_count("samples", samples)
    limits = as_budget(budget)
    names = [targets] if isinstance(targets, str) else list(targets)
    if not names:
        raise ArgumentError("targets", None, "name at least one target, such as cortex-m4.")
    boards = [find_target(name) for name in dict.fromkeys(names)]
    check_tools()
    file = _read_file(model, "emulate", limits)
    x, source = _read_samples(file, data, samples, limits)
    engine = Model(file.graph, profile, limits)
    vectors = compute_vectors(engine, file.quantize_input(x))
    program = make_program(engine)
    return Emulation(tuple(emulate_program(program, board, vectors) for board in boards), source)


def _check_folder(folder: Path, name: str, overwrite: bool) -> None:
    """Check that all files can be written, and that none is replaced unless that is allowed.

    Compilers and Make also use other files of a folder: a GNUmakefile replaces the Makefile, and a
    string.h the one of the C library.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder}: not a folder. Give the path of a folder.")
    for relative in list_files(name):
        if (folder / relative).parent.is_symlink():
            raise InputError(
                f"{(folder / relative).parent}: a symbolic link. Give the path of another folder."
            )
        check_new_file(folder / relative, overwrite)
    if folder.exists() and not overwrite:
        others = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        if others:
            raise InputError(
                f"{folder}: the folder is not empty, and a build could use its files, such as "
                f"{others[0].name}. Choose another folder, or use --force to keep them."
            )


def _check_name(name: str) -> None:
    check_type("name", name, str, "a C identifier")
    problem = check_c_name(name)
    if problem is not None:
        raise ArgumentError("name", name, problem)


def _check_class_names(names: Sequence[str]) -> tuple[str, ...]:
    result = (names,) if isinstance(names, str) else tuple(names)
    if not all(isinstance(name, str) for name in result):
        raise ArgumentError("class_names", None, "expected texts.")
    return result


def _check_class_count(file: ModelFile, names: tuple[str, ...]) -> None:
    """Check that there is a name for each class of the output."""
    outputs = file.graph.tensors[file.graph.outputs[0]].shape[-1]
    expected = (1, 2) if outputs == 1 else (outputs,)
    if names and len(names) not in expected:
        raise ArgumentError(
            "class_names",
            None,
            f"{len(names)} names, but the output has {format_count(outputs, 'value')}. Give one "
            "name for each.",
        )


def _read_file(model: "str | Path | QuantizedModel", command: str, budget: Budget) -> ModelFile:
    """Read a full-integer model, and check what it takes."""
    from snugnet.services.model_files import name_of
    from snugnet.services.quantized_model import QuantizedModel

    check_type("model", model, str | Path | QuantizedModel, MODEL_TYPES)
    name, scheme = name_of(model), None
    if isinstance(model, QuantizedModel):
        file, scheme = model.file, model.scheme
    else:
        file = ModelFile.read(model)
    check_full_integer(file.graph, name, command, scheme)
    ends = [*file.graph.inputs, *file.graph.outputs]
    has_ends = bool(file.graph.inputs) and bool(file.graph.outputs)
    if not has_ends or not all(file.graph.tensors[index].shape for index in ends):
        raise InputError(f"{name}: the model needs inputs and outputs, with an axis of samples.")
    check_cost(file.graph, _fill_invocations(file, CANDIDATES), budget, name)
    return file


def _fill_invocations(file: ModelFile, samples: int) -> int:
    """Return the number of samples that is not smaller, and fills whole invocations."""
    batch = file.graph.tensors[file.graph.inputs[0]].shape[0]
    return -(-samples // max(batch, 1)) * batch


def _read_samples(
    file: ModelFile,
    data: str | Path | user_data.DataSource | np.ndarray | None,
    count: int,
    budget: Budget,
) -> tuple[np.ndarray, str]:
    """Return samples that fill whole invocations, and their source."""
    batch = file.graph.tensors[file.graph.inputs[0]].shape[0]
    count = _fill_invocations(file, count)
    x, origin = user_data.read_or_draw(data, file.graph, count, budget)
    if len(x) < batch:
        raise InputError(f"{origin}: {len(x)} samples; an inference of this model takes {batch}.")
    return x[:count], origin


def _summarize_footprints(footprints: Sequence[DeviceFootprint]) -> dict[str, str]:
    return {
        footprint.target: (
            f"flash {footprint.flash_bytes:,} bytes, RAM {footprint.ram_bytes:,} bytes, "
            f"{footprint.instructions:,} instructions, "
            f"{'exact' if footprint.exact else 'differs from the engine'}"
        )
        for footprint in footprints
    }
