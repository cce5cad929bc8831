"""Settings of the architecture inception."""

from typing import Annotated

from pydantic import Field

from snugnet.core.settings.base import Count, Settings


class Inception(Settings):
    """An inception network for ECG beats."""

    stages: Count = Field(3, description="Number of stages.")
    filters: Annotated[Count, Field(multiple_of=4)] = Field(
        16, description="Number of filters of a stage, divided among its four branches."
    )
    bottleneck: Count = Field(8, description="Number of filters of the 1x1 bottleneck.")
    kernel: Count = Field(4, description="Kernel length of the strided convolutions.")
    stride: Count = Field(2, description="Stride of each stage.")
