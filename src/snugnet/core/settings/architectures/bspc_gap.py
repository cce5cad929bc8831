"""Settings of the architecture bspc_gap."""

from pydantic import Field

from snugnet.core.settings.base import Count, Counts, Dropout, Settings, TwoCounts


class BspcGap(Settings):
    """A residual network for 12-lead ECGs with global average pooling."""

    filters: TwoCounts = Field(
        (8, 32, 32, 48),
        description=(
            "Filters of the stem along time, across the leads, and of the residual blocks."
        ),
    )
    stem_pool: Count = Field(2, description="Size and stride of the first pool along time.")
    kernel: Count = Field(5, description="Kernel length of convolutions along time.")
    pool: Count = Field(4, description="Pool size and stride along time.")
    dense: Counts = Field((32,), description="Units of the dense layers.")
    dropout: Dropout = Field(
        0.3, description="Dropout rate after pooling and after each dense layer."
    )
