"""Settings of the dataset kind synthetic_imu."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.datasets.base import AnyDataset, Layout, Scaling


class SyntheticImuDataset(AnyDataset):
    """Simulated wrist motion."""

    kind: Literal["synthetic_imu"]
    subjects: int = Field(40, ge=3, le=10000, description="Number of simulated subjects.")
    windows: int = Field(
        10, ge=1, le=1000, description="Number of windows per subject and activity."
    )
    scaling: Scaling = "standardize"
    layout: Layout = "time_channel"
