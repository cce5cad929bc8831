"""The result of the gate, which other modules read without the settings of its entries."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class RequirementCheck:
    """Result of checking a requirement.

    Attributes:
        gate: Place of the requirement in the configuration.
        text: Description of the requirement.
        cells: Number of checked cells; of datasets for `fits`.
        failed: Number of those that failed.
    """

    gate: str
    text: str
    cells: int
    failed: int


@dataclass(frozen=True)
class FitsCheck:
    """The cells that fit a microcontroller.

    Attributes:
        target: Name of the microcontroller.
        text: Description of its limits.
        cells: Names of the cells that fit: model/variant/scheme/runtime.
    """

    target: str
    text: str
    cells: list[str]


@dataclass(frozen=True)
class GateResult:
    """Result of checking the cells of a study.

    Attributes:
        cells: Number of cells.
        failures: A message for each failure, which begins with the cell.
        requirements: The checks of the requirements in the configuration.
        fits: For each requirement `fits`, the cells that fit.
    """

    cells: int
    failures: list[str]
    requirements: list[RequirementCheck]
    fits: list[FitsCheck] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """`pass` without failures, else `fail`."""
        return "fail" if self.failures else "pass"

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON, with the verdict."""
        return {"verdict": self.verdict, **asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read a result from the mapping that `to_json` returns."""
        requirements = [RequirementCheck(**requirement) for requirement in values["requirements"]]
        fits = [FitsCheck(**check) for check in values.get("fits", ())]
        return cls(values["cells"], list(values["failures"]), requirements, fits)
