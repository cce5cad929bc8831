"""Tests of the paths of results."""

from typing import NamedTuple

import pytest

from snugnet.core.paths import ResultPath


class Cell(NamedTuple):
    model: str = "m"
    variant: str = "pruned"
    scheme: str = "fiq_int8"
    runtime: str = "litert"


def test_of_raises_key_error_when_wildcard_has_no_value():
    assert ResultPath.MODEL.of(model="m", variant="pruned") == "models/m/pruned/model.h5"
    with pytest.raises(KeyError, match="variant"):
        ResultPath.MODEL.of(model="m")


@pytest.mark.parametrize("path", ResultPath)
def test_parse_returns_wildcards_when_path_is_of_its_kind(path):
    values = {**Cell()._asdict(), "dataset": "d", "split": "calib"}
    wildcards = path.parse(path.of(**values))
    assert wildcards is not None
    assert wildcards.items() <= values.items()
    assert path.of(**wildcards) == path.of(**values)


def test_of_cell_fills_in_names_when_path_has_wildcards():
    assert ResultPath.METRICS.of_cell(Cell()) == "metrics/m/pruned/fiq_int8/litert.json"
    assert ResultPath.PREFLIGHT.of_cell(Cell()) == "akida/m/preflight/fiq_int8.json"


@pytest.mark.parametrize(
    "path",
    [
        "models/m/history.csv",
        "models/m/pruned/fiq_int8/history.csv",
        "models/m/pruned/history_csv",
        "akida/m/pruned/akida_v2_w8a8/history.csv",
    ],
)
def test_parse_returns_none_when_path_is_of_another_kind(path):
    assert ResultPath.HISTORY.parse(path) is None
