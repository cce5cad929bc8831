"""Settings of quantization schemes."""

from typing import Annotated

from pydantic import Field

from snugnet.core.settings.base import Settings
from snugnet.core.settings.training import TrainingSettings

CALIBRATION_SAMPLES = "Number of samples of the calib split to use, from the first; null for all."
Samples = Annotated[int, Field(ge=1)] | None


class PlainScheme(Settings):
    """A scheme without settings."""


class CalibratedScheme(Settings):
    """A scheme that estimates activation ranges with calibration samples."""

    calibration_samples: Samples = Field(None, description=CALIBRATION_SAMPLES)


class MixedScheme(CalibratedScheme):
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


class AkidaScheme(CalibratedScheme):
    """A scheme of BrainChip's Akida."""

    calibrated: bool = Field(
        True,
        description=(
            "Calibrate with the calib split; false for quantizeml's random samples, to measure "
            "their cost."
        ),
    )
    training: TrainingSettings = Field(
        TrainingSettings(epochs=4, learning_rate=0.0003),
        description="Changes to the model's `training` for variants with QAT (_qat).",
    )
    device: str


class Akida1Scheme(AkidaScheme):
    """A scheme of the first generation of Akida."""

    device: str = Field("AKD1000", description="Target device: AKD1000 or AKD1500.")


class Akida2Scheme(AkidaScheme):
    """A scheme of the second generation of Akida."""

    device: str = Field(
        "SixNodesIPv2",
        description=(
            "Target device: TwoNodesIPv2, FourNodesIPv2, SixNodesIPv2 or TwelveNodesIPv2."
        ),
    )
