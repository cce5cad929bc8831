"""Settings of the dataset kind ptbxl."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.datasets.base import FileDataset, Layout, Scaling
from snugnet.core.settings.datasets.folds import CROSS_VALIDATION, CrossValidation, Folds


class PtbxlDataset(FileDataset):
    """PTB-XL."""

    kind: Literal["ptbxl"]
    path: str = Field("ptbxl", description="Folder with the files of PTB-XL.")
    folds: Folds | CrossValidation = Field(  # type: ignore[assignment]
        Folds(train=(1, 2, 3, 4, 5, 6, 7, 8), val=(9,), test=(10,)),
        description=(
            f"Folds of each split; the default is the published split. Or: {CROSS_VALIDATION}"
        ),
    )
    scaling: Scaling = "standardize"
    layout: Layout = "channel_time"
