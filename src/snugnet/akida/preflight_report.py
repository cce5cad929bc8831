"""The report of a pre-flight check, which other modules read without Akida's packages."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from snugnet.core.akida_schemes import AKIDA_SCHEMES


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


def order_reports(
    reports: Iterable[PreflightReport], cells: Iterable[Mapping[str, Any]]
) -> list[PreflightReport]:
    """Order reports as the cells of a study, one for each model and Akida scheme.

    Args:
        reports: Reports of all models and Akida schemes of the cells, in any order.
        cells: Cells with `model` and `scheme`; cells of other schemes have no report.
    """
    by_model = {(report.model, report.scheme): report for report in reports}
    keys = dict.fromkeys((cell["model"], cell["scheme"]) for cell in cells)
    return [by_model[model, scheme] for model, scheme in keys if scheme in AKIDA_SCHEMES]
