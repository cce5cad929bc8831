"""Tests of the tables of old and new names in the change log."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache

import pytest

from tests.paths import ROOT

SOURCE = ROOT / "src"


@cache
def list_names() -> frozenset[str]:
    """List the modules of the package, and what they define: `core.text`, `core.text.shorten`."""
    names = {"__version__"}
    for path in (SOURCE / "snugnet").rglob("*.py"):
        parts = path.relative_to(SOURCE / "snugnet").with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        names.add(module)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.add(f"{module}.{node.name}")
    return frozenset(names)


def list_new_names(text: str) -> Iterator[tuple[str, str]]:
    """Yield the row and the full name of each new name in the tables of old and new names.

    A name without a dot belongs to the module or package of the name before it. A word in capitals
    stands for any name.
    """
    columns: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells
        elif columns[-1].startswith("new") and not cells[0].startswith("---"):
            layer = f"{cells[0].strip('`')}." if columns[0] == "layer" else ""
            parent = ""
            for name in re.findall("`([^`]+)`", cells[-1]):
                own_parent, dot, last = name.rpartition(".")
                parent = f"{layer}{own_parent}." if dot else parent
                full = f"{parent}{last}".removeprefix("snugnet.")
                yield line, re.sub("[A-Z]{4,}", "*", full)


def find_stale_names(text: str) -> list[str]:
    """List the new names in tables of a change log that the source does not have."""
    return [
        f"{new}: {row}"
        for row, new in list_new_names(text)
        if not any(fnmatchcase(name, new) for name in list_names())
    ]


def test_find_stale_names_is_empty_when_text_is_change_log():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert len(list(list_new_names(text))) > 250
    assert find_stale_names(text) == []


@pytest.mark.parametrize(
    ("header", "row", "stale"),
    [
        ("old module | new module", "`rows` | `core.csv_files`, `gone`", ["core.gone"]),
        ("old module | new module", "`version` | `snugnet.__version__`", []),
        (
            "old module | new module",
            "`cli.COMMAND` | `services.COMMAND`, `gone.COMMAND`",
            ["gone.*"],
        ),
        ("layer | old | new", "`core` | `short` | `text.shorten`, `gone`", ["core.text.gone"]),
        ("layer | old | new", "`report` | `figures` | `MODULE.build_figures`", []),
        ("layer | old | new", "`report` | `figures` | `MODULE.gone`", ["report.*.gone"]),
    ],
)
def test_find_stale_names_returns_them_when_row_has_some(header, row, stale):
    text = f"| {header} |\n| --- |\n| {row} |\n"
    assert find_stale_names(text) == [f"{name}: | {row} |" for name in stale]
