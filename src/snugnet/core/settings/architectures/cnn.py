"""Settings of the architecture cnn."""

from pydantic import Field

from snugnet.core.settings.base import Count, Counts, Dropout, Settings


class Cnn(Settings):
    """A convolutional network for images."""

    filters: Counts = Field((16, 32), description="Filters of each block.")
    dense: Count = Field(64, description="Units of the dense layer.")
    dropout: Dropout = Field(0.2, description="Dropout rate before the dense layer.")
