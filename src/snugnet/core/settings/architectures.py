"""Settings of the architectures, by name."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from snugnet.core.settings.base import Count, Counts, Dropout, Settings

TwoCounts = Annotated[Counts, Field(min_length=2)]


class Smartwatch(Settings):
    """A small network for wrist motion."""

    filters: Counts = Field((16, 24, 32, 32), description="Filters of each block.")
    dense: Count = Field(16, description="Units of the dense layer.")
    dropout: Dropout = Field(0.2, description="Dropout rate before the dense layer.")


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


class Inception(Settings):
    """An inception network for ECG beats."""

    stages: Count = Field(3, description="Number of stages.")
    filters: Annotated[Count, Field(multiple_of=4)] = Field(
        16, description="Number of filters of a stage, divided among its four branches."
    )
    bottleneck: Count = Field(8, description="Number of filters of the 1x1 bottleneck.")
    kernel: Count = Field(4, description="Kernel length of the strided convolutions.")
    stride: Count = Field(2, description="Stride of each stage.")


class AkidaCnn(Settings):
    """A network that fits Akida."""

    filters: Counts = Field((16, 32, 64), description="Filters of each block.")
    dropout: Dropout = Field(0.2, description="Dropout rate before the last layer.")
    batch_norm: bool = Field(True, description="Use batch normalization after convolutions.")


class Fc(Settings):
    """A fully connected network."""

    dense: Counts = Field((128, 64), description="Units of each layer.")
    dropout: Dropout = Field(0.1, description="Dropout rate after each layer.")


class Cnn(Settings):
    """A convolutional network for images."""

    filters: Counts = Field((16, 32), description="Filters of each block.")
    dense: Count = Field(64, description="Units of the dense layer.")
    dropout: Dropout = Field(0.2, description="Dropout rate before the dense layer.")


class File(Settings):
    """A trained Keras model that comes in a file."""

    file: str = Field(
        description=(
            "Path of a trained Keras model: .h5, .keras or a SavedModel folder. Its `train` "
            "variant is the unchanged model."
        )
    )


ARCHITECTURES: Mapping[str, type[Settings]] = {
    "smartwatch": Smartwatch,
    "bspc": Bspc,
    "bspc_gap": BspcGap,
    "inception": Inception,
    "akida_cnn": AkidaCnn,
    "fc": Fc,
    "cnn": Cnn,
    "file": File,
}
