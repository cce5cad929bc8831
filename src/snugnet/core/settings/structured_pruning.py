"""Settings of structured pruning."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.base import Epochs, Fraction, Names, Settings
from snugnet.core.settings.training import TRAINING_CHANGES, TrainingSettings


class StructuredPruningSettings(Settings):
    """Removal of filters and units, in steps with fine-tuning after each."""

    target: Fraction = Field(description="Fraction of the parent's parameters to remove.")
    steps: int = Field(
        3,
        ge=1,
        le=100,
        description=(
            "Number of pruning steps. Each removes the same fraction of the remaining parameters "
            "and is followed by training."
        ),
    )
    step_epochs: Epochs = Field(
        3,
        description=(
            "Number of epochs after each step but the last; the last uses those of `training`."
        ),
    )
    criterion: Literal["l1", "l2", "bn_scale", "taylor"] = Field(
        "l2",
        description=(
            "Importance of a filter: l1 or l2 norm of its weights, its batch-normalization scale "
            "(bn_scale), or its estimated effect on the loss (taylor)."
        ),
    )
    scope: Literal["layer", "global"] = Field(
        "layer",
        description=(
            "layer: remove the same fraction of each layer; global: rank the filters of all layers "
            "together."
        ),
    )
    keep: Names = Field((), description="Layers that are not pruned.")
    training: TrainingSettings = Field(TrainingSettings(), description=TRAINING_CHANGES)
