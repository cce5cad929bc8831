"""What is known about a model beyond its file: names of the classes, units of the samples."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from snugnet.core.errors import InputError
from snugnet.core.files import check_regular

# What each kind of scaling does to the units of the sensor; see `datasets.scaling`.
KINDS = ("none", "per_sample", "standardize", "minmax", "uint8")
MAX_CHANNELS = 4096


@dataclass(frozen=True)
class RawScaling:
    """How raw values of a sensor become the real numbers that a model was trained on.

    Attributes:
        kind: Kind of scaling; see `datasets.scaling.fit`.
        parameters: Its parameters, which were estimated on train: `mean` and `std` of each
            channel, or `low` and `high`.
    """

    kind: str
    parameters: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the scaling of a dataset from the record.json of a study.

        Raises:
            InputError: If the file is no such record.
            OSError: If it cannot be read.
        """
        check_regular(path)
        try:
            scaling = dict(json.loads(path.read_text())["scaling"])
            kind = str(scaling.pop("kind"))
            parameters = {str(name): [float(v) for v in values] for name, values in scaling.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(
                f"{path}: not the record of a dataset. Use data/…/record.json of a study."
            ) from None
        result = cls(kind, parameters)
        result._check(path)
        return result

    def _check(self, path: Path) -> None:
        """Check the kind, and the names and numbers of its parameters."""
        expected: dict[str, tuple[str, ...]] = {
            "standardize": ("mean", "std"),
            "minmax": ("low", "high"),
            "uint8": ("low", "high"),
        }
        names = expected.get(self.kind, ())
        sizes = {len(values) for values in self.parameters.values()}
        numbers = [number for values in self.parameters.values() for number in values]
        is_complete = set(names) == set(self.parameters) and len(sizes) <= 1
        is_finite = all(abs(number) < 1e37 for number in numbers)
        if self.kind not in KINDS or not is_complete or not is_finite or max(sizes, default=1) < 1:
            raise InputError(f"{path}: unknown scaling {self.kind!r} of the samples.")
        if max(sizes, default=1) > MAX_CHANNELS:
            raise InputError(f"{path}: more than {MAX_CHANNELS:,} channels.")

    def describe(self, upper: str) -> list[str]:
        """Return lines of C that describe the scaling.

        Args:
            upper: Prefix of all macros.
        """
        sentence = {
            "none": "the model takes raw values of the sensor.",
            "per_sample": "scale each sample to mean 0 and standard deviation 1.",
            "standardize": "real number = (raw value - mean) / standard deviation, by channel.",
            "minmax": "real number = (raw value - low) / (high - low).",
            "uint8": "integer = 255 * (raw value - low) / (high - low), rounded, within 0..255.",
        }[self.kind]
        lines = [f"/* Units: {sentence} */"]
        for name, values in self.parameters.items():
            numbers = ", ".join(map(repr, values))
            value = numbers if len(values) == 1 and self.kind != "standardize" else f"{{{numbers}}}"
            lines.append(f"#define {upper}_RAW_{name.upper()} {value}")
        return [*lines, ""]


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model beyond its file.

    Attributes:
        class_names: Names of the classes in the order of the output; () if unknown.
        scaling: How raw values become inputs; None if unknown.
    """

    class_names: tuple[str, ...] = ()
    scaling: RawScaling | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a mapping that can be written as JSON."""
        scaling = self.scaling and {"kind": self.scaling.kind, **self.scaling.parameters}
        return {"class_names": list(self.class_names), "scaling": scaling}
