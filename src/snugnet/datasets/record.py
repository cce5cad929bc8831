"""The record of a prepared dataset: its scaling, and the counts of each split."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class SplitRecord:
    """Counts of a split.

    Attributes:
        samples: Number of samples.
        groups: Number of groups; None if the dataset has none.
        classes: Number of samples by class.
        outside_range: Number of values outside the range of train; they saturate if the scaling is
            uint8.
    """

    samples: int
    groups: int | None
    classes: Mapping[str, int]
    outside_range: int


@dataclass(frozen=True)
class DatasetRecord:
    """The content of record.json.

    Attributes:
        scaling: The kind of scaling, and the parameters that were estimated on train.
        splits: Counts by split.
    """

    scaling: Mapping[str, Any]
    splits: Mapping[str, SplitRecord]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        splits = {name: SplitRecord(**split) for name, split in values["splits"].items()}
        return cls(values["scaling"], splits)

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        return asdict(self)
