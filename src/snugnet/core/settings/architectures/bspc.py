"""Settings of the architecture bspc."""

from pydantic import Field

from snugnet.core.settings.base import Count, Counts, Dropout, Settings, TwoCounts


class Bspc(Settings):
    """A network for 12-lead ECGs."""

    filters: TwoCounts = Field(
        (8, 32, 32, 32),
        description=(
            "Filters of the first convolution along time, across the leads, and along time again."
        ),
    )
    kernel: Count = Field(7, description="Kernel length of convolutions along time.")
    pool: Count = Field(3, description="Pool size and stride along time.")
    dense: Counts = Field((64, 32), description="Units of the dense layers.")
    dropout: Dropout = Field(0.3, description="Dropout rate after each dense layer.")
