"""Settings of the dataset kind mitdb."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.datasets.base import FileDataset, Layout, Scaling


class MitdbDataset(FileDataset):
    """The MIT-BIH Arrhythmia Database."""

    kind: Literal["mitdb"]
    path: str = Field("mitdb", description="Folder with the WFDB records.")
    protocol: Literal["nlrva", "aami_interpatient"] = Field(
        "nlrva",
        description=(
            "nlrva: classes N, L, R, V and A of all records, random split by beat; "
            "aami_interpatient: the five AAMI classes, DS1 for train and val, DS2 for test."
        ),
    )
    window: int = Field(
        320,
        ge=16,
        le=2048,
        description="Window length around a beat, in samples at 360 Hz.",
    )
    scaling: Scaling = "per_sample"
    layout: Layout = "channel_time"
