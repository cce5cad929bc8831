"""The report of a pre-flight check, which other modules read without Akida's packages."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Obstacle:
    """One reason why a model does not run on a chip.

    Attributes:
        layer: Name of the layer.
        rule: Description of the broken rule.
        fix: Change that removes the obstacle.
    """

    layer: str
    rule: str
    fix: str


@dataclass(frozen=True)
class PreflightReport:
    """Result of the pre-flight check of a model.

    Attributes:
        model: Name of the model.
        scheme: Name of the Akida scheme.
        device: Name of the device that was checked.
        obstacles: Reasons why the model does not fit; empty if it fits.
    """

    model: str
    scheme: str
    device: str
    obstacles: tuple[Obstacle, ...]

    @property
    def fits(self) -> bool:
        """Whether the device runs the whole model in hardware."""
        return not self.obstacles

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        return cls(
            model=values["model"],
            scheme=values["scheme"],
            device=values["device"],
            obstacles=tuple(Obstacle(**obstacle) for obstacle in values["obstacles"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return {**asdict(self), "fits": self.fits}
