"""Settings of the dataset kind mnist."""

from typing import Literal

from pydantic import Field

from snugnet.core.settings.datasets.base import FileDataset, Layout, Scaling


class MnistDataset(FileDataset):
    """MNIST."""

    kind: Literal["mnist"]
    path: str = Field("mnist", description="Folder with the four IDX .gz files.")
    scaling: Scaling = "minmax"
    layout: Layout = "image"
