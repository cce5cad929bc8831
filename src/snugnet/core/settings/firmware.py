"""Settings of the C code of full-integer files, and of its measurement on microcontrollers."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.base import Settings, Tuple

MicrocontrollerName = Literal["cortex-m0", "cortex-m4", "cortex-m33", "cortex-m55"]


class FirmwareSettings(Settings):
    """C code of full-integer files."""

    targets: Tuple[MicrocontrollerName] = Field(
        (),
        description=(
            "Microcontrollers for which the study generates C code of its full-integer files and "
            "measures flash, RAM and instructions in an emulator. Empty: no C code."
        ),
    )
    samples: int = Field(
        64,
        ge=1,
        le=100000,
        description=(
            "Number of test samples to emulate. On this machine, the C code runs on all of them."
        ),
    )
