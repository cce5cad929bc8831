"""Settings of the dataset kind recordings."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.base import Names
from snugnet.core.settings.datasets.arrays import ArrayNames
from snugnet.core.settings.datasets.base import FileDataset, Layout, Scaling


class RecordingArrays(ArrayNames):
    """Names of arrays, by role."""

    x: str | None = Field(None, description="Samples of all recordings, one after the other.")
    start: str | None = Field(None, description="Start of each recording.")
    length: str | None = Field(None, description="Length of each recording.")
    label: str | None = Field(None, description="Label of each recording.")
    group: str | None = Field(None, description="Patient or subject of each recording.")
    class_names: str | None = Field(None, description="Names of the classes.")
    scale: str | None = Field(None, description="Factor from stored integers to real units.")


class RecordingsDataset(FileDataset):
    """Windows that are cut from recordings of your own."""

    kind: Literal["recordings"]
    path: str = Field(description="Path of an .npz file.")
    arrays: RecordingArrays = Field(
        RecordingArrays(), description="Names of arrays that differ from their roles."
    )
    window: int = Field(100, ge=1, le=1000000, description="Window length in samples.")
    stride: int = Field(
        100,
        ge=1,
        le=1000000,
        description="Distance between the starts of two windows, in samples.",
    )
    classes: Names | None = Field(None, description="Classes to keep; null for all.")
    scaling: Scaling = "standardize"
    layout: Layout = "time_channel"
