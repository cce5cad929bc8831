"""The `ReportData` that the report shows: results table, verdict, settings and result files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import pandas as pd

from snugnet.core.files import read_json
from snugnet.core.paths import ResultPath
from snugnet.evaluation.gate import GateResult
from snugnet.evaluation.result_row import ResultRow, list_measured_targets
from snugnet.evaluation.table import INTEGERS
from snugnet.report.files import ResultFiles, read_table, to_records


@dataclass(frozen=True)
class Recipes:
    """Settings of everything that a study makes, as JSON blocks by name.

    Attributes:
        datasets: Settings by dataset.
        models: Settings by model.
        variants: Settings by model/variant.
        schemes: Settings by model/scheme.
        lineages: Compression steps by variant, from the first to the variant itself.
    """

    datasets: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    variants: Mapping[str, Mapping[str, Any]]
    schemes: Mapping[str, Mapping[str, Any]]
    lineages: Mapping[str, Sequence[str]]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the recipes from the settings of the report's job."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class ReportData:
    """Settings and results of a study.

    Attributes:
        frame: The rows of metrics.csv.
        rows: The same rows as records; a value that is missing is None.
        gate: The content of gate.json; None without one.
        recipes: Settings of everything that the study makes.
        confidence: Confidence level of the intervals, in (0, 1).
        files: All other result files.
    """

    frame: pd.DataFrame
    rows: Sequence[ResultRow]
    gate: GateResult | None
    recipes: Recipes
    confidence: float
    files: ResultFiles

    @property
    def models(self) -> list[str]:
        """The models, in the study's order."""
        return list(dict.fromkeys(row.model for row in self.rows))

    @property
    def datasets(self) -> list[str]:
        """The datasets, in the study's order."""
        return list(dict.fromkeys(row.dataset for row in self.rows))

    @property
    def targets(self) -> list[str]:
        """The microcontrollers on which C code was measured."""
        return list_measured_targets(self.rows)

    @property
    def headline(self) -> str:
        """Name of the figure by which cells are compared; of both if the study has both."""
        names = dict.fromkeys(row.headline.name for row in self.measured)
        return " or ".join(names) or "accuracy"

    @property
    def measured(self) -> list[ResultRow]:
        """The rows of measured cells."""
        return [row for row in self.rows if row.is_measured]

    def read_tables(self, kind: ResultPath, model: str) -> pd.DataFrame:
        """Read and concatenate the tables of a model's variants.

        Args:
            kind: The path of the tables, with wildcards.
            model: Name of the model.

        Returns:
            The rows of all tables, with a column `variant`; empty if there is no table.
        """
        tables = []
        for path, wildcards in self.files.find(kind, model=model).items():
            table = self.files.read_table(path)
            if table is not None and len(table):
                tables.append(table.assign(variant=wildcards["variant"]))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def collect(
    settings: Mapping[str, Any], table: str, gate: str | None, evidence: Sequence[str]
) -> ReportData:
    """Read the results that the report shows.

    Args:
        settings: `statistics` and `recipes` of the study.
        table: Path of metrics.csv, in the folder `report` of the results folder.
        gate: Path of gate.json; None for figures, which do not depend on it.
        evidence: Paths of all other result files, below the results folder.
    """
    frame = read_table(table)
    for name in INTEGERS:
        frame[name] = frame[name].astype("Int64")
    return ReportData(
        frame=frame,
        rows=[ResultRow.from_columns(record) for record in to_records(frame)],
        gate=GateResult.from_json(read_json(gate)) if gate else None,
        recipes=Recipes.from_json(settings["recipes"]),
        confidence=settings["statistics"]["confidence"],
        files=ResultFiles(Path(table).parent.parent, [table, *([gate] if gate else []), *evidence]),
    )
