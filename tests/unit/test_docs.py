"""Pages that are written from data say what the data say."""

import importlib.util

import pandas as pd

from tests.paths import ROOT


def test_the_page_of_results_is_written_from_the_rows_that_are_kept():
    spec = importlib.util.spec_from_file_location("write_results", ROOT / "docs/write_results.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == module.PAGE.read_text(), "run: python docs/write_results.py"


def test_kept_rows_are_whole():
    for path in (ROOT / "docs/results").glob("*.csv"):
        rows = pd.read_csv(path)
        assert set(rows["model"]) == {path.stem}
        assert (rows["status"] == "ok").all()
