"""Settings of the dataset kind synthetic_beats."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.datasets.base import AnyDataset, Layout, Scaling


class SyntheticBeatsDataset(AnyDataset):
    """Simulated ECG beats."""

    kind: Literal["synthetic_beats"]
    patients: int = Field(40, ge=3, le=10000, description="Number of simulated patients.")
    beats: int = Field(12, ge=1, le=1000, description="Number of beats per patient and class.")
    normal: int = Field(
        1, ge=1, le=1000, description="Ratio of normal beats to beats of each other class."
    )
    scaling: Scaling = "per_sample"
    layout: Layout = "channel_time"
