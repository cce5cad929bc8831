"""Tables of searches and repetitions: mixed precision, calibration and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from snugnet.core.paths import ResultPath
from snugnet.evaluation.seeds import format_seed_row
from snugnet.report.collect import ReportData
from snugnet.report.files import to_records
from snugnet.report.table import RawValue, Table
from snugnet.report.tables import build_table, format_percent, format_point_difference

EMPTY_TABLE = Table([], [])
# A flag as CSV files store it: `yes` or empty, 1 or 0, True or False.
Flag = str | int | bool | None


@dataclass(frozen=True)
class MixedCandidate:
    """A row of candidates.csv: a candidate of a search for mixed precision, measured on val.

    Attributes:
        candidate: Name of the candidate.
        operators_in_float: Number of operators in float.
        in_float: Names of the output tensors in float, separated by spaces; None if there are none.
        size_bytes: Size of the file.
        n: Number of samples.
        accuracy: Share of correct predictions, in [0, 1].
        delta_float: Difference in accuracy from float32.
        within_budget: Whether the loss of accuracy is within the budget, as `yes`, 1 or True.
        allowed: Whether the number of operators in float is allowed.
        chosen: Whether the search chose the candidate.
    """

    candidate: str
    operators_in_float: int
    in_float: str | None
    size_bytes: int
    n: int
    accuracy: float | None
    delta_float: float | None
    within_budget: Flag
    allowed: Flag
    chosen: Flag

    @classmethod
    def from_columns(cls, values: Mapping[str, Any]) -> Self:
        """Make a candidate from values by column; other columns are ignored."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    def format(self) -> dict[str, RawValue]:
        """Format the candidate as values by heading."""
        return {
            "candidate": self.candidate,
            "float operators": self.operators_in_float,
            "float layers": _format_layers(self.in_float),
            "file [KiB]": round(self.size_bytes / 1024, 1),
            "n (val)": self.n,
            "val accuracy [%]": format_percent(self.accuracy),
            "Δ vs float32 [points]": format_point_difference(self.delta_float),
            "within budget": _format_flag(self.within_budget),
            "allowed": _format_flag(self.allowed),
            "chosen": _format_flag(self.chosen),
        }


@dataclass(frozen=True)
class CalibrationRule:
    """A row of calibration.csv: a calibration rule, measured on val.

    Attributes:
        rule: Name of the rule.
        setting: Its setting; None without one.
        n: Number of samples.
        accuracy: Share of correct predictions, in [0, 1].
        delta_minmax: Difference in accuracy from the rule `minmax`.
        chosen: Whether the rule was chosen, as `yes`, 1 or True.
    """

    rule: str
    setting: float | None
    n: int
    accuracy: float | None
    delta_minmax: float | None
    chosen: Flag

    @classmethod
    def from_columns(cls, values: Mapping[str, Any]) -> Self:
        """Make a rule from values by column; other columns are ignored."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    def format(self) -> dict[str, RawValue]:
        """Format the rule as values by heading."""
        return {
            "rule": self.rule,
            "setting": self.setting,
            "n (val)": self.n,
            "val accuracy [%]": format_percent(self.accuracy),
            "Δ vs min-max [points]": format_point_difference(self.delta_minmax),
            "chosen": _format_flag(self.chosen),
        }


def tabulate_mixed(study: ReportData) -> Table:
    """Tabulate all candidates of each search for mixed precision."""
    return build_table(
        [
            {
                "model": model,
                "variant": row["variant"],
                **MixedCandidate.from_columns(row).format(),
            }
            for model in study.models
            for row in to_records(study.read_tables(ResultPath.CANDIDATES, model))
        ]
    )


def tabulate_calibration(study: ReportData) -> Table:
    """Tabulate the calibration rules that were compared for each calibrated variant."""
    return build_table(
        [
            {
                "model": model,
                "variant": row["variant"],
                **CalibrationRule.from_columns(row).format(),
            }
            for model in study.models
            for row in to_records(study.read_tables(ResultPath.CALIBRATION, model))
        ]
    )


def tabulate_seeds(study: ReportData) -> Table:
    """Tabulate mean and spread across seeds, with the same texts as metrics.md."""
    table = study.files.read_table(ResultPath.SEEDS)
    if table is None:
        return EMPTY_TABLE
    return build_table([format_seed_row(row) for row in to_records(table)])


def _format_layers(tensors: str | None) -> str:
    """Format the layer names of tensors, which are separated by spaces.

    The tensor of a fused operator has the names of all fused layers; the first is used.
    """
    names = [tensor.partition(";")[0].split("/") for tensor in (tensors or "").split()]
    return ", ".join(name[-2] if len(name) > 1 else name[0] for name in names)


def _format_flag(value: Flag) -> str:
    """Return `yes` or an empty text; tables store a flag as `yes`, 1 or True."""
    return "yes" if str(value) in ("True", "yes", "1") else ""
