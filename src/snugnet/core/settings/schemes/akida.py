"""Settings of the schemes of BrainChip's Akida."""

from pydantic import Field

from snugnet.core.settings.schemes.calibrated import CalibratedSchemeSettings


class AkidaSchemeSettings(CalibratedSchemeSettings):
    """A scheme of BrainChip's Akida."""

    calibrated: bool = Field(
        True,
        description=(
            "Calibrate with the calib split; false for quantizeml's random samples, to measure "
            "their cost."
        ),
    )
    device: str = Field(description="Target device.")
