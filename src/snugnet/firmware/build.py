"""The firmware of a model: the texts of its folder, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.errors import InputError
from snugnet.core.files import atomic_write
from snugnet.firmware.emulator import check_tools, emulate_program, find_target
from snugnet.firmware.estimates import EstimatedFootprint, estimate_footprints
from snugnet.firmware.facts import ModelFacts
from snugnet.firmware.folder import write_folder
from snugnet.firmware.footprint import DeviceFootprint
from snugnet.firmware.golden import choose_golden, compute_vectors
from snugnet.firmware.host import CompiledModel, has_compiler
from snugnet.firmware.program import make_program
from snugnet.firmware.source import count_constants
from snugnet.int8.engine import Model
from snugnet.int8.node import Profile
from snugnet.tflite.model_file import ModelFile

# Number of samples among which golden vectors are chosen.
CANDIDATES = 64
NAME = "model"


@dataclass(frozen=True)
class HostComparison:
    """Comparison of the C code with the engine, on this machine.

    Attributes:
        samples: Number of samples.
        exact: Whether all outputs are identical.
    """

    samples: int
    exact: bool


@dataclass(frozen=True)
class FirmwareCost:
    """What the C code of a model costs.

    Attributes:
        arena_bytes: Bytes of RAM for tensors.
        constant_bytes: Bytes of flash for weights, biases and tables.
        host: Comparison on this machine; None if it has no C compiler.
        footprints: Costs on microcontrollers; none if the tools are not installed.
        estimates: Estimated costs, if the tools are not installed.
        missing: Which tool is not installed, and how to install it; None if all are.
    """

    arena_bytes: int
    constant_bytes: int
    host: HostComparison | None
    footprints: tuple[DeviceFootprint, ...]
    estimates: tuple[EstimatedFootprint, ...]
    missing: str | None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        host = self.host and {"samples": self.host.samples, "exact": self.host.exact}
        return {
            "arena_bytes": self.arena_bytes,
            "constant_bytes": self.constant_bytes,
            "host": host,
            "targets": {entry.target: entry.to_json() for entry in self.footprints},
            "estimates": {entry.target: asdict(entry) for entry in self.estimates},
            "missing": self.missing,
        }


@dataclass(frozen=True)
class FirmwareBuild:
    """The folder of a model, and what its code costs.

    Attributes:
        texts: Text of each file by its path in the folder.
        cost: The cost.
    """

    texts: Mapping[str, str]
    cost: FirmwareCost

    def write(self, folder: Path) -> None:
        """Write the files to a folder."""
        write_files(folder, self.texts)


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts to files, by their paths in a folder."""
    for relative, text in texts.items():
        with atomic_write(folder / relative) as partial:
            partial.write_text(text, encoding="utf-8")


def build_firmware(
    file: ModelFile, x: np.ndarray, facts: ModelFacts, targets: Sequence[str], samples: int
) -> FirmwareBuild:
    """Generate the C code of a file, and measure it with the tools that are installed.

    Args:
        file: The full-integer file.
        x: Samples in real units, (n, ...). On this machine, the code runs on all of them.
        facts: What is known about the model beyond its file.
        targets: Names of microcontrollers.
        samples: Number of samples to emulate.
    """
    engine = Model(file.graph, Profile.TFLM)
    program = make_program(engine)
    quantized = file.quantize_input(x)
    host = None
    if has_compiler():
        expected, result = engine.predict(quantized), CompiledModel(engine).predict(quantized)
        host = HostComparison(len(x), bool(np.array_equal(expected, result)))
    footprints: tuple[DeviceFootprint, ...] = ()
    estimates: tuple[EstimatedFootprint, ...] = ()
    missing = None
    try:
        check_tools()
    except InputError as error:
        missing = str(error)
        estimates = estimate_footprints(program, targets)
    else:
        vectors = compute_vectors(engine, quantized[:samples])
        footprints = tuple(emulate_program(program, find_target(t), vectors) for t in targets)
    golden = choose_golden(compute_vectors(engine, quantized[:CANDIDATES]))
    cost = FirmwareCost(
        program.arena, count_constants(program), host, footprints, estimates, missing
    )
    return FirmwareBuild(write_folder(program, NAME, golden, facts, footprints, estimates), cost)
