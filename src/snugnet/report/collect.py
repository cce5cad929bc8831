"""All that the report shows, read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from snugnet.core.files import read_json
from snugnet.evaluation.table import INTEGERS
from snugnet.report.files import Files, read_table, records


@dataclass(frozen=True)
class Study:
    """What was asked for and what came of it.

    Attributes:
        frame: The rows of metrics.csv.
        rows: The same as mappings in which nothing is missing: what does not apply is None.
        gate: The verdict of the study.
        recipes: How all of it is made, from the configuration.
        confidence: Of intervals.
        files: Everything else.
    """

    frame: pd.DataFrame
    rows: list[dict[str, Any]]
    gate: dict[str, Any]
    recipes: dict[str, Any]
    confidence: float
    files: Files

    @property
    def models(self) -> list[str]:
        """The models, in the study's order."""
        return list(dict.fromkeys(row["model"] for row in self.rows))

    @property
    def datasets(self) -> list[str]:
        """The datasets, in the study's order."""
        return list(dict.fromkeys(row["dataset"] for row in self.rows))

    @property
    def measured(self) -> list[dict[str, Any]]:
        """The rows of cells that could be measured."""
        return [row for row in self.rows if row["status"] == "ok"]

    def tables(self, model: str, stage: str, name: str) -> pd.DataFrame:
        """Put the tables of a model's variants together, with a column `variant`.

        Args:
            model: Of which model.
            stage: The folder below the results folder.
            name: Of the files, in folders {stage}/{model}/{variant}/...
        """
        found = []
        for path in self.files.named(f"{stage}/{model}", name):
            table = self.files.table(path)
            if table is not None and len(table):
                found.append(table.assign(variant=path.split("/")[2]))
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def collect(
    settings: Mapping[str, Any], table: str, gate: str | None, evidence: Sequence[str]
) -> Study:
    """Read what the report is made from.

    Args:
        settings: `statistics` and `recipes` of the study.
        table: metrics.csv, in the folder `report` of the results folder.
        gate: gate.json; None for figures, which are the same whatever it says.
        evidence: All other files, below the results folder.
    """
    frame = read_table(table)
    for name in INTEGERS:
        frame[name] = frame[name].astype("Int64")
    return Study(
        frame=frame,
        rows=records(frame),
        gate=read_json(gate) if gate else {},
        recipes=settings["recipes"],
        confidence=settings["statistics"]["confidence"],
        files=Files(Path(table).parent.parent, [table, *([gate] if gate else []), *evidence]),
    )


def address(row: Mapping[str, Any]) -> str:
    """Name a cell: model/variant/scheme/runtime."""
    return "/".join(str(row[name]) for name in ("model", "variant", "scheme", "runtime"))
