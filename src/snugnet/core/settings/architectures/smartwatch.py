"""Settings of the architecture smartwatch."""

from pydantic import Field

from snugnet.core.settings.base import Count, Counts, Dropout, Settings


class Smartwatch(Settings):
    """A small network for wrist motion."""

    filters: Counts = Field((16, 24, 32, 32), description="Filters of each block.")
    dense: Count = Field(16, description="Units of the dense layer.")
    dropout: Dropout = Field(0.2, description="Dropout rate before the dense layer.")
