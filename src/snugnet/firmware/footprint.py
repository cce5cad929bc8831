"""What a model costs on a device."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class DeviceFootprint:
    """Flash, RAM and instructions of a model on a target.

    Attributes:
        target: Name of the target.
        code_bytes: Bytes of code in flash, with the functions of the compiler's library that it
            calls.
        constant_bytes: Bytes of weights and other constants in flash.
        arena_bytes: Bytes of memory for tensors.
        static_bytes: Bytes of variables of the model's code; 0, because it has none.
        stack_bytes: Largest size of the stack during an inference.
        instructions: Instructions of one inference: the largest number over the samples.
        samples: Number of samples that were emulated.
        exact: Whether all outputs equalled those of the engine.
        compiler: Name and version of the compiler, and its options.
        emulator: Name and version of the emulator, and its board.
    """

    target: str
    code_bytes: int
    constant_bytes: int
    arena_bytes: int
    static_bytes: int
    stack_bytes: int
    instructions: int
    samples: int
    exact: bool
    compiler: str
    emulator: str

    @property
    def flash_bytes(self) -> int:
        """Bytes in flash: code, constants and the first values of variables."""
        return self.code_bytes + self.constant_bytes + self.static_bytes

    @property
    def ram_bytes(self) -> int:
        """Bytes in RAM: arena, variables and stack."""
        return self.arena_bytes + self.static_bytes + self.stack_bytes

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        names = cls.__dataclass_fields__
        return cls(**{name: value for name, value in values.items() if name in names})

    def to_json(self) -> dict[str, Any]:
        """Return all attributes and both sums as a mapping that JSON can represent."""
        return {**asdict(self), "flash_bytes": self.flash_bytes, "ram_bytes": self.ram_bytes}
