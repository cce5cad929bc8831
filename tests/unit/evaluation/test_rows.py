"""Tests of joining rows of results with cells by name."""

import pytest

from snugnet.core.errors import InputError
from snugnet.evaluation.rows import cell_name, join_adjusted, join_rows


def names(model: str, runtime: str = "litert") -> dict[str, str]:
    return {"model": model, "variant": "original", "scheme": "drq", "runtime": runtime}


def test_join_rows_matches_names_when_order_differs():
    cells = [{**names("a"), "seed": 1}, {**names("b"), "seed": 2}]
    rows = [{**names("b"), "accuracy": 0.2}, {**names("a"), "accuracy": 0.1}]
    joined = join_rows(cells, rows)
    assert [(row["seed"], row["accuracy"]) for row in joined] == [(1, 0.1), (2, 0.2)]


def test_join_rows_names_cell_when_row_is_missing():
    with pytest.raises(InputError, match="1 of 2 cells have no metrics, first b/original/drq/"):
        join_rows([names("a"), names("b")], [names("a")])


def test_join_rows_ignores_row_when_its_cell_is_not_listed():
    assert join_rows([names("a")], [names("c"), names("a")]) == [names("a")]


def test_join_adjusted_takes_value_of_table_when_row_has_none():
    table = [{**names("a"), "p_holm": 0.5}, {**names("a", "akida"), "p_holm": 0.25}]
    rows = [{**names("a", "akida"), "p_holm": None, "n": 7}]
    assert join_adjusted(rows, table, ["p_holm"]) == [{**rows[0], "p_holm": 0.25}]
    with pytest.raises(InputError, match=r"metrics\.csv has no row for b/original/drq/litert"):
        join_adjusted([names("b")], table, ["p_holm"])


def test_cell_name_joins_names_when_runtime_is_litert():
    assert cell_name(names("a")) == "a/original/drq/litert"
