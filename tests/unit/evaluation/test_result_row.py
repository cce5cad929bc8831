"""The record of a row of metrics.csv."""

from dataclasses import fields

import pytest

from snugnet.core.errors import InputError
from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.table import COLUMNS, INTEGERS


def test_column_is_integer_when_attribute_of_row_is_integer():
    integers = [field.name for field in fields(ResultRow) if field.type == int | None]
    # The column `seed` keeps the type that pandas chooses.
    assert [name for name in integers if name != "seed"] == INTEGERS


def test_from_columns_sets_none_when_column_is_absent():
    row = ResultRow.from_columns({"model": "m", "n": 5, "confusion": [[5]]})
    assert (row.model, row.n, row.accuracy) == ("m", 5, None)
    assert list(row.by_column) == COLUMNS


def test_require_accuracy_names_cell_when_accuracy_is_missing():
    names = {"model": "m", "variant": "original", "scheme": "drq", "runtime": "litert"}
    assert ResultRow.from_columns({**names, "accuracy": 0.0}).require_accuracy() == 0
    with pytest.raises(InputError, match="m/original/drq/litert has no accuracy"):
        ResultRow.from_columns(names).require_accuracy()
