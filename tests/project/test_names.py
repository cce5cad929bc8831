"""Tests of the names of the tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

MAX_LENGTH = 60


def find_long_names(folder: Path) -> Iterator[str]:
    """Yield path, line and name of each test function whose name is too long."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and node.name.startswith("test_") and len(node.name) > MAX_LENGTH:
                yield f"{path.relative_to(folder)}:{node.lineno}: {node.name}"


def test_find_long_names_returns_nothing_when_folder_is_tests():
    assert list(find_long_names(ROOT / "tests")) == []


def test_find_long_names_returns_name_when_it_has_61_characters(tmp_path):
    name = "test_".ljust(MAX_LENGTH, "x")
    source = f"def {name}(): ...\n\n\nclass Tests:\n    def {name}y(self): ...\n"
    (tmp_path / "test_example.py").write_text(source)
    assert list(find_long_names(tmp_path)) == [f"test_example.py:5: {name}y"]
