"""Settings of every dataset."""

from typing import Annotated, Literal

from pydantic import Field

from snugnet.core.settings.base import Fraction, Settings, Tuple
from snugnet.core.settings.datasets.folds import CROSS_VALIDATION, CrossValidation

PositiveInts = Tuple[Annotated[int, Field(ge=1)]]
SCALING = (
    "Scaling of raw values: none keeps raw units; standardize uses mean and standard deviation of "
    "train; minmax (to 0..1) and uint8 (to 0..255) use the range of train; per_sample standardizes "
    "each sample separately."
)
Scaling = Annotated[
    Literal["none", "standardize", "per_sample", "minmax", "uint8"], Field(description=SCALING)
]
Layout = Annotated[
    Literal["time_channel", "channel_time", "image"],
    Field(description="Order of the axes of a sample (time first or channel first), or image."),
]


class AnyDataset(Settings):
    """Settings of every dataset. Each kind has its own default of scaling and layout."""

    kind: str
    scaling: Scaling
    layout: Layout
    shape: PositiveInts | dict[str, PositiveInts] | None = Field(
        None,
        description=(
            "Shape to which each sample is reshaped after loading. For a model with several "
            "inputs, a shape for each by the name of the input."
        ),
    )
    val: Fraction = Field(
        0.2,
        description="Fraction of groups (or samples) for val, if the split is drawn at random.",
    )
    test: Fraction = Field(
        0.2,
        description="Fraction of groups (or samples) for test, if the split is drawn at random.",
    )
    folds: CrossValidation | None = Field(None, description=CROSS_VALIDATION)
    # The fold that is the test split, from 1; None to train on all folds. Configurations of users
    # cannot have it: `config.folds` sets it.
    fold: Annotated[int, Field(ge=1)] | None = Field(None, json_schema_extra={"internal": True})
    negative_class: str | None = Field(
        None,
        description="Class that is negative in a binary task; all other classes are positive.",
    )

    @property
    def cross_validation(self) -> int | None:
        """The number of folds of a cross-validation; None without one."""
        return self.folds if isinstance(self.folds, int) else None


class FileDataset(AnyDataset):
    """Settings of a dataset that is read from files."""

    path: str
