"""Settings of quantizer ranges that are chosen without training."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from snugnet.core.settings.base import Settings, Tuple

Percentile = Annotated[float, Field(gt=50, lt=100)]


def _check_unique(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("unique", "has repeated entries; give each value once")
    return values


class CalibrationSettings(Settings):
    """Choice of quantizer ranges among percentiles and the ranges of least squared error."""

    percentiles: Annotated[Tuple[Percentile], AfterValidator(_check_unique)] = Field(
        (99.9, 99.99),
        description=(
            "Percentiles of the values of calib to try as quantizer ranges. They are compared on "
            "val with the range of all values."
        ),
    )
    mse: bool = Field(True, description="Also try the ranges with the least mean squared error.")
