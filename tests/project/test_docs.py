"""Tests of the generated documentation pages and of the results files in docs/."""

import importlib.util
import math
import os
import re
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

from snugnet.evaluation.table import COLUMNS
from tests.paths import ROOT


def script(name: str) -> Any:
    """Import the generator of a page."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def module() -> Any:
    return script("write_results")


@pytest.mark.parametrize("page", ["configuration.md", "command_line.md"])
def test_reference_page_equals_generated_page(page):
    reference = script("write_reference")
    text = (reference.FOLDER / page).read_text()
    assert reference.PAGES[page]() == text, "run: python tools/write_reference.py"


def test_results_page_equals_generated_page(module):
    assert module.page() == module.PAGE.read_text(), "run: python tools/write_results.py"


def test_mkdocs_build_prints_no_warning(tmp_path):
    """Every link leads somewhere, headings included: mkdocs.yml is strict."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "tutorials" / "mnist.html").is_file()


def test_metrics_page_lists_all_columns_in_order():
    page = (ROOT / "docs/reference/metrics.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == COLUMNS


def rows(*schemes: tuple[str, str, float]) -> pd.DataFrame:
    """Cells of one network, of which programs for Akida have two rows."""
    known = [
        {"model": "m", "variant": "original", "scheme": scheme, "runtime": runtime, "accuracy": a}
        for scheme, runtime, a in schemes
    ]
    return pd.DataFrame([{**row, "size_bytes": 1000} for row in known])


CELLS = rows(
    ("float32", "litert", 0.91),
    ("fiq_float32", "litert", 0.9),
    ("fiq_int8", "litert", 0.898),
    ("mixed", "litert", 0.905),
    ("akida_v2_w8a8", "keras", 0.9),
    ("akida_v2_w8a8", "akida", 0.9),
)


def test_mistakes_table_shows_accuracy_without_the_mistake(module):
    cell = {"model": "m", "variant": "original", "scheme": "fiq_int8", "saturated": 0.012}
    results = [("right", 0.898, math.nan), ("cast_and_wrap", 0.5, -0.398)]
    mistakes = [{**cell, "name": n, "accuracy": a, "delta": d} for n, a, d in results]
    text = module.what_mistakes_cost(CELLS, pd.DataFrame(mistakes))
    assert "| m original fiq_int8 | 89.80 | -0.20 | 1.200 | -39.80 |" in re.sub(" +", " ", text)


def test_mixed_table_shows_float_and_integer_results(module):
    row = {
        **{"model": "m", "variant": "original", "candidate": "one_in_float", "size_bytes": 1024},
        **{"operators_in_float": 1, "in_float": "net/conv_1/Relu;net/conv_1/BiasAdd", "n": 9},
        **{"accuracy": 0.9, "delta_float": -0.01, "within_budget": True, "allowed": True},
        "chosen": False,
    }
    text = module.what_mixing_recovers(CELLS, pd.DataFrame([row]))
    assert "| 91.00 %, 1,000 bytes | 89.80 %, 1,000 bytes | 90.50 %, 1,000 bytes |" in text
    cells = [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")]
    assert cells == ["one_in_float", "1", "conv_1", "1.0", "9", "90.00", "-1.00", "yes", "yes", ""]


def test_results_csv_has_only_ok_rows_of_its_model():
    for path in (ROOT / "docs/results").glob("*.csv"):
        rows = pd.read_csv(path)
        assert set(rows["model"]) == {path.stem}
        assert (rows["status"] == "ok").all()
