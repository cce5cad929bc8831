"""Settings of low-rank factorization."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from snugnet.core.settings.base import Settings, Tuple
from snugnet.core.settings.training import TRAINING_CHANGES, TrainingSettings

Rank = Annotated[int, Field(gt=0)] | Annotated[float, Field(gt=0)]
Ranks = Annotated[Tuple[Rank], Field(min_length=1)]
Factors = Annotated[Tuple[Annotated[int, Field(ge=1)]], Field(min_length=2)]


class LayerFactorization(Settings):
    """Factorization of one layer."""

    method: Literal["svd", "tucker2", "tt"] = Field(
        description=(
            "Factorization: svd for Dense and 1x1 Conv2D, tucker2 for Conv2D, tt (tensor train) "
            "for Dense."
        )
    )
    rank: Rank | Ranks = Field(
        description=(
            "Rank: an integer, or a fraction (below 1) of the full rank. One value for all ranks, "
            "or a list: ranks of inputs and outputs for tucker2, ranks between the cores for tt."
        )
    )
    inputs: Factors | None = Field(
        None,
        description="Factors of the number of inputs, for tt; null for two of nearly equal size.",
    )
    outputs: Factors | None = Field(None, description="Factors of the number of outputs, for tt.")

    @field_validator("rank")
    @classmethod
    def _check_rank(cls, rank: float | tuple[float, ...]) -> float | tuple[float, ...]:
        for number in rank if isinstance(rank, tuple) else (rank,):
            if isinstance(number, float) and number >= 1:
                raise PydanticCustomError(
                    "rank", "{rank} is neither an integer nor a fraction below 1", {"rank": number}
                )
        return rank

    def to_json(self) -> dict[str, Any]:
        """Return all fields that have a value, ready for JSON: null factors are left out."""
        return self.model_dump(mode="json", exclude_none=True)


class FactorizationSettings(Settings):
    """Replacement of layers by low-rank factors, with fine-tuning."""

    layers: dict[str, LayerFactorization] = Field(
        {}, description="Factorization of each layer, by name."
    )
    point: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description=(
            "Point of the parent's design_space.csv, instead of layers; 0 is the smallest design."
        ),
    )
    training: TrainingSettings = Field(TrainingSettings(), description=TRAINING_CHANGES)
