"""Settings of the search for low-rank factorizations."""

from typing import Annotated

from pydantic import Field

from snugnet.core.settings.base import Count, Names, Settings, Tuple
from snugnet.core.settings.training import TRAINING_CHANGES, TrainingSettings


class ExplorationSettings(Settings):
    """Search for low-rank factorizations of a model."""

    layers: Names = Field(
        (),
        description="Layers to consider; empty for all with a relevant share of the parameters.",
    )
    ranks: Annotated[Tuple[Count], Field(min_length=1)] = Field(
        (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64), description="Ranks to try."
    )
    finalists: int = Field(8, ge=1, le=200, description="Number of designs to train.")
    time_budget: float = Field(
        1800,
        gt=0,
        description="Time limit in seconds; no further design is trained after it.",
    )
    training: TrainingSettings = Field(TrainingSettings(epochs=5), description=TRAINING_CHANGES)
