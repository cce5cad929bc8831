"""Settings of the architecture akida_cnn."""

from pydantic import Field

from snugnet.core.settings.base import Counts, Dropout, Settings


class AkidaCnn(Settings):
    """A network that fits Akida."""

    filters: Counts = Field((16, 32, 64), description="Filters of each block.")
    dropout: Dropout = Field(0.2, description="Dropout rate before the last layer.")
    batch_norm: bool = Field(True, description="Use batch normalization after convolutions.")
