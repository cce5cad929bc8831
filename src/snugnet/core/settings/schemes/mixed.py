"""Settings of mixed precision."""

from typing import Annotated

from pydantic import Field

from snugnet.core.settings.schemes.calibrated import CalibratedSchemeSettings


class MixedSchemeSettings(CalibratedSchemeSettings):
    """Mixed precision: a search for the smallest file within a budget of accuracy."""

    budget: float = Field(
        0.2,
        ge=0,
        le=100,
        description="Maximum accuracy drop on val from float32, in percentage points.",
    )
    max_in_float: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Maximum number of operators in float; null for no limit."
    )
