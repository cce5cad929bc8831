"""Settings of the dataset kind windows."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.base import Names
from snugnet.core.settings.datasets.arrays import ArrayNames
from snugnet.core.settings.datasets.base import FileDataset, Layout, PositiveInts, Scaling
from snugnet.core.settings.datasets.folds import CROSS_VALIDATION, CrossValidation, Folds


class WindowArrays(ArrayNames):
    """Names of arrays or columns, by role."""

    x: str | dict[str, str] | None = Field(
        None,
        description=(
            "Samples; for a model with several inputs, the array of each input by the name of the "
            "input."
        ),
    )
    y: str | None = Field(None, description="Labels.")
    group: str | None = Field(None, description="Patient or subject of each sample.")
    fold: str | None = Field(None, description="Fold of each sample.")
    split: str | None = Field(None, description="Split of each sample: train, val or test.")
    class_names: str | None = Field(None, description="Names of the classes.")
    scale: str | None = Field(None, description="Factor from stored integers to real units.")

    @property
    def inputs(self) -> dict[str, str]:
        """The array of each of several inputs, by the name of the input; {} for one input."""
        return self.x if isinstance(self.x, dict) else {}


class WindowsDataset(FileDataset):
    """Samples from a file of your own."""

    kind: Literal["windows"]
    path: str = Field(description="Path of an .npz or .csv file.")
    task: Literal[
        "multiclass", "binary", "multilabel", "segmentation", "regression", "reconstruction"
    ] = Field("multiclass", description="Task, which sets the meaning of y.")
    scores: Literal["probabilities", "logits"] = Field(
        "probabilities",
        description=(
            "Outputs of a model that comes from a file: logits if its last layer has no activation."
        ),
    )
    arrays: WindowArrays = Field(
        WindowArrays(),
        description="Names of arrays (.npz) or columns (.csv) that differ from their roles.",
    )
    classes: Names | None = Field(
        None,
        description=(
            "Names of the classes, in the order of the model's outputs; null for those in the file."
        ),
    )
    folds: Folds | CrossValidation | None = Field(  # type: ignore[assignment]
        None,
        description=(
            f"Folds of each split; null to draw the split at random. Or: {CROSS_VALIDATION}"
        ),
    )
    sample_shape: PositiveInts | None = Field(
        None, description="Shape of a sample in a row of a .csv file: [time, channels]."
    )
    scaling: Scaling = "standardize"
    layout: Layout = "time_channel"
