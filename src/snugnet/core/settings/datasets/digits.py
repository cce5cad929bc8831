"""Settings of the dataset kind digits."""

from typing import Literal

from snugnet.core.settings.datasets.base import AnyDataset, Layout, Scaling


class DigitsDataset(AnyDataset):
    """scikit-learn's handwritten digits."""

    kind: Literal["digits"]
    scaling: Scaling = "minmax"
    layout: Layout = "image"
