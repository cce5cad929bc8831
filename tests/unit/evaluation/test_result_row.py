"""The record of a row of metrics.csv."""

from dataclasses import fields

import pytest

from snugnet.core.errors import InputError
from snugnet.evaluation.headline import Headline
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


NAMES = {"model": "m", "variant": "original", "scheme": "drq", "runtime": "litert"}


def test_headline_is_accuracy_when_task_has_classes():
    row = ResultRow.from_columns({**NAMES, "accuracy": 0.0, "accuracy_high": 0.1})
    assert row.headline == Headline(0.0, None, 0.1, is_error=False)


def test_headline_is_error_when_task_has_no_classes():
    row = ResultRow.from_columns({**NAMES, "mae": 0.5, "mae_low": 0.4, "mae_high": 0.6})
    assert row.headline == Headline(0.5, 0.4, 0.6, is_error=True)


def test_headline_names_cell_when_accuracy_is_missing():
    with pytest.raises(InputError, match="m/original/drq/litert has no accuracy"):
        _ = ResultRow.from_columns(NAMES).headline
