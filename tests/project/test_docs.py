"""Tests of the generated documentation pages and of the results files in docs/."""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import griffe
import pandas as pd
import pytest

import snugnet
from snugnet.evaluation.recommend import describe_rule
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
def test_reference_page_is_equal_when_it_is_generated_again(page):
    reference = script("write_reference")
    text = (reference.FOLDER / page).read_text()
    assert reference.PAGES[page]() == text, "run: python tools/write_reference.py"


def test_results_page_is_equal_when_it_is_generated_again(module):
    assert module.page() == module.PAGE.read_text(), "run: python tools/write_results.py"


# Builds the site; every import of TensorFlow fails.
BUILD = """
import sys
sys.modules["tensorflow"] = None
from mkdocs.__main__ import cli
cli()
"""
PYTHON_API = (ROOT / "docs/reference/python_api.md").read_text()
PUBLIC = [
    *(f"snugnet.{name}" for name in snugnet.__all__),
    "snugnet.int8.Model",
    "snugnet.int8.load",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the site, without a warning: every link and heading exists (mkdocs.yml is strict)."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-c", BUILD, "build", "--quiet", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder


def test_site_has_a_page_when_docs_contain_a_tutorial(site):
    for path in (ROOT / "docs/tutorials").iterdir():
        assert (site / "tutorials" / path.with_suffix(".html").name).is_file()


def read(site: Path, page: str) -> str:
    return (site / page).read_text()


def test_site_pages_load_nothing_remote_when_site_is_built(site):
    """Pages work from disk, without a network."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for path in pages:
        loaded = re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=\"?(https?:)", path.read_text())
        assert loaded == [], path


@pytest.mark.parametrize("name", PUBLIC)
def test_python_api_page_describes_object_when_name_is_public(name, site):
    assert re.search(rf"^::: {re.escape(name)}$", PYTHON_API, re.MULTILINE)
    assert f'id="{name}"' in read(site, "reference/python_api.html")


@pytest.fixture(scope="module")
def package() -> griffe.Module:
    """Read the package as the site does: without importing it."""
    module = griffe.load("snugnet", search_paths=[ROOT / "src"], allow_inspection=False)
    assert isinstance(module, griffe.Module)
    return module


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_describes_all_parameters_when_name_is_public(name, package):
    item = package[name.removeprefix("snugnet.")]
    item = item.final_target if item.is_alias else item
    functions = [item] if item.is_function else [m for m in item.members.values() if m.is_function]
    for function in functions:
        if function.name.startswith("_"):
            continue
        assert function.docstring is not None, function.path
        sections = {part.kind.value: part.value for part in function.docstring.parse("google")}
        described = [parameter.name for parameter in sections.get("parameters", [])]
        taken = [parameter.name for parameter in function.parameters if parameter.name != "self"]
        assert described == taken, function.path
        assert "returns" in sections or not taken, function.path


def test_notebook_page_keeps_cells_when_they_are_text_or_code():
    cells = [("markdown", ["# T\n", "text"]), ("code", ["a = 1\n", "a"])]
    notebook = {
        "metadata": {},
        "cells": [{"cell_type": kind, "source": source} for kind, source in cells],
    }
    convert = script("notebook_pages").to_markdown
    assert convert(notebook) == "# T\ntext\n\n```python\na = 1\na\n```\n"
    with pytest.raises(ValueError, match="type 'raw'"):
        convert({"metadata": {}, "cells": [{"cell_type": "raw", "source": []}]})


def test_notebook_page_has_all_code_cells_when_site_is_built(site):
    notebook = json.loads((ROOT / "docs/tutorials/python_api.ipynb").read_text())
    page = read(site, "tutorials/python_api.html")
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(re.findall(r'<div class="[^"]*highlight', page)) == len(code)


def test_metrics_page_lists_column_in_order_when_table_has_it():
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


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/howto/ci.md",
        "docs/reference/report.md",
        "docs/tutorials/microcontroller.md",
    ],
)
def test_page_has_words_of_rule_when_it_recommends_models(page):
    assert describe_rule() in " ".join((ROOT / page).read_text().split())


def test_mistakes_table_shows_points_when_mistake_costs_accuracy(module):
    cell = {"model": "m", "variant": "original", "scheme": "fiq_int8", "saturated": 0.012}
    results = [("right", 0.898, math.nan), ("cast_and_wrap", 0.5, -0.398)]
    mistakes = [{**cell, "name": n, "accuracy": a, "delta": d} for n, a, d in results]
    text = module.tabulate_mistake_costs(CELLS, pd.DataFrame(mistakes))
    assert "| m original fiq_int8 | 89.80 | -0.20 | 1.200 | -39.80 |" in re.sub(" +", " ", text)


def test_mixed_table_shows_float_and_int8_when_cells_have_both(module):
    row = {
        **{"model": "m", "variant": "original", "candidate": "one_in_float", "size_bytes": 1024},
        **{"operators_in_float": 1, "in_float": "net/conv_1/Relu;net/conv_1/BiasAdd", "n": 9},
        **{"accuracy": 0.9, "delta_float": -0.01, "within_budget": True, "allowed": True},
        "chosen": False,
    }
    text = module.tabulate_mixed_precision(CELLS, pd.DataFrame([row]))
    assert "| 91.00 %, 1,000 bytes | 89.80 %, 1,000 bytes | 90.50 %, 1,000 bytes |" in text
    cells = [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")]
    assert cells == ["one_in_float", "1", "conv_1", "1.0", "9", "90.00", "-1.00", "yes", "yes", ""]


def test_results_csv_has_ok_rows_of_model_when_it_is_in_docs():
    paths = list((ROOT / "docs/results").glob("*.csv"))
    assert paths
    for path in paths:
        rows = pd.read_csv(path)
        assert set(rows["model"]) == {path.stem}
        assert (rows["status"] == "ok").all()


def test_performance_page_has_figures_when_it_is_read():
    text = (ROOT / "docs/reference/performance.md").read_text()
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert scripts == set(re.findall(r"`python benchmarks/(\w+)\.py[^`]*`", text))
    assert "not been measured" not in text


def test_firmware_page_is_equal_when_it_is_generated_again():
    tool = script("measure_firmware")
    table = pd.read_csv(tool.TABLE)
    assert tool.write_page(table) == tool.PAGE.read_text(), "run: python tools/measure_firmware.py"


def test_firmware_figures_reach_goals_when_they_are_measured():
    """Flash, RAM and instructions beside TensorFlow Lite Micro with CMSIS-NN."""
    table = pd.read_csv(script("measure_firmware").TABLE)
    assert table["exact"].all()
    compared = table[table["tflm_instructions"].notna()]
    ratios = {
        target: rows["instructions"] / rows["tflm_instructions"]
        for target, rows in compared.groupby("target")
    }
    assert ratios["cortex-m4"].max() <= 1.0
    assert ratios["cortex-m0"].max() <= 1.0
    assert ratios["cortex-m55"].max() <= 1.5
    assert (compared["arena_bytes"] <= compared["tflm_arena_bytes"]).all()
    on_m4 = compared[compared["target"] == "cortex-m4"]
    small = on_m4[on_m4["tflm_file_bytes"] < 50 * 1024]
    assert len(small) >= 9
    assert (small["flash_bytes"] / small["tflm_flash_bytes"]).max() <= 0.45
    assert (on_m4["flash_bytes"] / on_m4["tflm_flash_bytes"]).max() <= 0.92
    few = on_m4[on_m4["model"].isin(["digits_fc-lowrank", "digits_cnn-lowrank"])]
    assert (few["instructions"] / few["tflm_instructions"]).max() <= 0.6
