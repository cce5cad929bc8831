"""Mapping of Akida models on virtual devices, in a separate process.

The mapper can crash the process: akida 2.19.3 does so for some residual networks and for truncated
files. This module is therefore also a program, which prints JSON:

    python mapping.py MODEL.fbz DEVICE MODE
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from snugnet.core.programs import run_program

TIMEOUT_SECONDS = 120
# The search for the best split crashes for some networks that the plain mode can map.
MODES = ("AllNps", "Minimal")


@dataclass(frozen=True)
class SequenceMapping:
    """A sequence of layers that one backend computes.

    Attributes:
        name: Name of the sequence.
        backend: Name of the backend: hardware or software.
        passes: Number of passes.
        program_bytes: Size of the program.
    """

    name: str
    backend: str
    passes: int
    program_bytes: int


@dataclass(frozen=True)
class LayerMapping:
    """A layer on a device.

    Attributes:
        name: Name of the layer.
        processors: Number of processors by kind.
        input_bytes: Memory for inputs, over all processors.
        weight_bytes: Memory for weights, over all processors.
    """

    name: str
    processors: Mapping[str, int]
    input_bytes: int
    weight_bytes: int


@dataclass(frozen=True)
class Layout:
    """Use of a device by a model that could be mapped.

    Attributes:
        sequences: The sequences.
        program_bytes: Size of the programs of all sequences.
        processors: Number of processors that are used, over all passes.
        layers: The layers.
    """

    sequences: tuple[SequenceMapping, ...]
    program_bytes: int
    processors: int
    layers: tuple[LayerMapping, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the entries of `DeviceMapping.to_json` about the layout."""
        return cls(
            sequences=tuple(SequenceMapping(**sequence) for sequence in values["sequences"]),
            program_bytes=values["program_bytes"],
            processors=values["processors"],
            layers=tuple(LayerMapping(**layer) for layer in values["layers"]),
        )


@dataclass(frozen=True)
class DeviceMapping:
    """Result of mapping a model on a device.

    Attributes:
        hardware: Whether the device runs the whole model in hardware.
        reason: Why it does not; None if it does.
        layout: Use of the device; None if the model could not be mapped.
    """

    hardware: bool
    reason: str | None
    layout: Layout | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        layout = Layout.from_json(values) if "layers" in values else None
        return cls(values["hardware"], values["reason"], layout)

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON; without a layout, it lacks those keys."""
        layout = {} if self.layout is None else asdict(self.layout)
        return {"hardware": self.hardware, "reason": self.reason, **layout}


def map_on_device(path: str | Path, device: str) -> DeviceMapping:
    """Map a model on a device.

    Args:
        path: The .fbz file.
        device: Name of a virtual device, see `akida_schemes.DEVICES`.
    """
    for mode in MODES:
        result = run_program(Path(__file__), path, device, mode, timeout=TIMEOUT_SECONDS)
        if result.status == 0:
            return DeviceMapping.from_json(json.loads(result.output.splitlines()[-1]))
        reason = f"the mapper failed with exit code {result.status}: {result.message}"
        if result.status is None:
            reason = f"unknown: the mapper exceeded {TIMEOUT_SECONDS} s"
    return DeviceMapping(hardware=False, reason=reason)


def _map_in_process(path: str, device: str, mode: str) -> DeviceMapping:
    """Map a model in this process."""
    import akida

    model = akida.Model(path)
    target = getattr(akida, device)()
    reason = None
    try:
        model.map(target, hw_only=True, mode=getattr(akida.MapMode, mode))
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        if "IP version" in reason:
            return DeviceMapping(hardware=False, reason=reason)
        # Map again with the host allowed, to report which parts the host would compute.
        model.map(target, mode=akida.MapMode.Minimal)
    sequences = tuple(_read_sequence(sequence) for sequence in model.sequences)
    layout = Layout(
        sequences=sequences,
        program_bytes=sum(sequence.program_bytes for sequence in sequences),
        processors=sum(model.component_count.values()),
        layers=tuple(_read_layer(layer) for layer in model.layers),
    )
    return DeviceMapping(reason is None, reason, layout)


def _read_sequence(sequence: Any) -> SequenceMapping:
    return SequenceMapping(
        name=sequence.name,
        backend=sequence.backend.name,
        passes=len(sequence.passes),
        program_bytes=len(sequence.program or b""),
    )


def _read_layer(layer: Any) -> LayerMapping:
    processors = _get_processors(layer)
    memories = [processor.mem_info for processor in processors]
    return LayerMapping(
        name=layer.name,
        processors=dict(Counter(processor.type.name for processor in processors)),
        input_bytes=sum(memory.input_size for memory in memories),
        weight_bytes=sum(memory.weight_size for memory in memories),
    )


def _get_processors(layer: Any) -> list[Any]:
    return list(layer.mapping.nps) if layer.mapping is not None else []


if __name__ == "__main__":
    print(json.dumps(_map_in_process(*sys.argv[1:]).to_json()))
