"""Settings of magnitude pruning."""

from typing import Annotated, Literal

from pydantic import Field

from snugnet.core.settings.base import Dropout, Epochs, Fraction, Settings
from snugnet.core.settings.training import TRAINING_CHANGES, TrainingSettings

LayerTarget = Annotated[Dropout, Field(description="Target of one layer.")]


class MagnitudePruningSettings(Settings):
    """Setting of the smallest weights to zero while training goes on."""

    target: Fraction = Field(description="Target fraction of zeros in each kernel.")
    schedule: Literal["polynomial", "constant"] = Field(
        "polynomial",
        description="polynomial: increase the sparsity gradually; constant: start at the target.",
    )
    ramp_epochs: Epochs = Field(
        3,
        description=(
            "Number of epochs until the target is reached; the best epoch is chosen among later "
            "ones."
        ),
    )
    layers: dict[str, LayerTarget] = Field(
        {}, description="Targets of single layers; 0 keeps a layer dense."
    )
    training: TrainingSettings = Field(TrainingSettings(), description=TRAINING_CHANGES)
