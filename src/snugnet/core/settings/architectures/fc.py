"""Settings of the architecture fc."""

from pydantic import Field

from snugnet.core.settings.base import Counts, Dropout, Settings


class Fc(Settings):
    """A fully connected network."""

    dense: Counts = Field((128, 64), description="Units of each layer.")
    dropout: Dropout = Field(0.1, description="Dropout rate after each layer.")
