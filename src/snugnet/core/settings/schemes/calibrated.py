"""Settings of schemes with calibration."""

from typing import Annotated

from pydantic import Field

from snugnet.core.settings.base import Settings

CALIBRATION_SAMPLES = "Number of samples of the calib split to use, from the first; null for all."
Samples = Annotated[int, Field(ge=1)] | None


class CalibratedSchemeSettings(Settings):
    """A scheme that estimates activation ranges with calibration samples."""

    calibration_samples: Samples = Field(None, description=CALIBRATION_SAMPLES)
