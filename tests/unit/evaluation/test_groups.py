"""Tests of the accuracy by group."""

import pytest

from snugnet.core.confidence import MIN_GROUPS
from snugnet.evaluation.accuracy import GroupAccuracy
from snugnet.evaluation.groups import (
    MAX_COLUMNS,
    describe_accuracies,
    format_groups_markdown,
    tabulate_groups,
    warn_of_few_groups,
)
from snugnet.evaluation.result_row import ResultRow


def cell(scheme: str, groups: int) -> dict:
    by_group = [{"group": f"p{i}", "n": 10, "accuracy": i / 10} for i in range(groups)]
    names = {"model": "net", "variant": "original", "scheme": scheme, "runtime": "litert"}
    return {**names, "by_group": by_group}


def row(dataset: str, groups: int | None) -> ResultRow:
    return ResultRow.from_columns({"dataset": dataset, "n_groups": groups})


def test_table_has_a_line_per_group_when_cells_have_groups():
    table = tabulate_groups([cell("float32", 2), cell("drq", 2), cell("fiq_int8", 0)])
    assert table[["scheme", "group", "n", "accuracy"]].to_numpy().tolist() == [
        ["float32", "p0", 10, 0.0],
        ["float32", "p1", 10, 0.1],
        ["drq", "p0", 10, 0.0],
        ["drq", "p1", 10, 0.1],
    ]


def test_table_has_only_headings_when_no_cell_has_groups():
    table = tabulate_groups([{"model": "net", "status": "incompatible", "variant": "original"}])
    assert table.empty
    assert table.columns.tolist()[-3:] == ["group", "n", "accuracy"]


def test_description_names_all_groups_when_they_are_few():
    groups = [GroupAccuracy("p1", 10, 0.5), GroupAccuracy("p2", 10, 0.925)]
    assert describe_accuracies(groups) == {
        "group p1": "50.0 %",
        "group p2": "92.5 %",
    }


def test_description_is_a_summary_when_groups_are_many():
    groups = [GroupAccuracy(f"p{i}", 1, i / 100) for i in range(MAX_COLUMNS + 1)]
    assert describe_accuracies(groups) == {
        "groups": "13",
        "lowest": "0.0 % (p0)",
        "median": "6.0 %",
        "highest": "12.0 % (p12)",
    }


def test_names_are_escaped_when_they_are_formulas_or_have_bars():
    row = cell("float32", 1)
    row["by_group"][0]["group"] = "=1|2"
    assert tabulate_groups([row])["group"].tolist() == ["'=1|2"]
    assert "| group =1\\|2   |" in format_groups_markdown([row])


def test_markdown_has_a_table_per_model_when_cells_have_groups():
    text = format_groups_markdown([cell("float32", 2), {**cell("drq", 1), "model": "other"}])
    assert text.startswith("\n# Accuracy by group\n")
    assert "## net" in text
    assert "## other" in text
    assert "| original  | float32  | litert    | 0.0 %      | 10.0 %     |" in text


def test_markdown_is_empty_when_no_cell_has_groups():
    assert format_groups_markdown([cell("float32", 0)]) == ""


@pytest.mark.parametrize(("count", "words"), [(1, "only 1 group in"), (2, "only 2 groups in")])
def test_warning_names_dataset_and_remedy_when_groups_are_few(count, words):
    (warning,) = warn_of_few_groups([row("wrist", count), row("wrist", count), row("ecg", 50)])
    assert warning.startswith(f"wrist: {words} the test samples")
    assert "folds: leave_one_group_out" in warning


def test_warning_has_no_folds_as_remedy_when_there_are_folds():
    pooled = ResultRow.from_columns({"dataset": "wrist", "n_groups": 3, "folds": 3})
    (warning,) = warn_of_few_groups([pooled])
    assert warning.endswith("Use more groups.")


@pytest.mark.parametrize("count", [None, MIN_GROUPS])
def test_no_warning_is_given_when_groups_suffice(count):
    assert warn_of_few_groups([row("wrist", count)]) == []
