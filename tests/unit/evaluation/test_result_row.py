"""The record of a row of metrics.csv."""

from dataclasses import fields

from snugnet.evaluation.result_row import ResultRow
from snugnet.evaluation.table import COLUMNS


def test_attributes_are_the_columns_of_the_table():
    assert [field.name for field in fields(ResultRow)] == COLUMNS


def test_absent_columns_are_none_and_other_keys_ignored():
    row = ResultRow.from_columns({"model": "m", "n": 5, "confusion": [[5]]})
    assert (row.model, row.n, row.accuracy) == ("m", 5, None)
    assert list(row.by_column) == COLUMNS
