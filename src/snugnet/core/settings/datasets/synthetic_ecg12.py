"""Settings of the dataset kind synthetic_ecg12."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.datasets.base import AnyDataset, Layout, Scaling


class SyntheticEcg12Dataset(AnyDataset):
    """Simulated 12-lead ECGs."""

    kind: Literal["synthetic_ecg12"]
    patients: int = Field(90, ge=3, le=10000, description="Number of simulated patients.")
    recordings: int = Field(8, ge=1, le=1000, description="Number of recordings per patient.")
    scaling: Scaling = "standardize"
    layout: Layout = "channel_time"
