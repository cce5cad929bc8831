"""Tests of names: those of the tests, and of the public classes."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

MAX_LENGTH = 60


def find_wrong_names(folder: Path) -> Iterator[str]:
    """Yield path, line and name of each test function whose name is too long or lacks `_when_`."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if not is_function or not node.name.startswith("test_"):
                continue
            if len(node.name) > MAX_LENGTH or "_when_" not in node.name:
                yield f"{path.relative_to(folder)}:{node.lineno}: {node.name}"


def test_find_wrong_names_returns_nothing_when_folder_is_tests():
    assert list(find_wrong_names(ROOT / "tests")) == []


def test_find_wrong_names_returns_name_when_it_has_61_characters(tmp_path):
    name = "test_model_fits_when_".ljust(MAX_LENGTH, "x")
    source = f"def {name}(): ...\n\n\nclass Tests:\n    def {name}y(self): ...\n"
    (tmp_path / "test_example.py").write_text(source)
    assert list(find_wrong_names(tmp_path)) == [f"test_example.py:5: {name}y"]


def test_find_wrong_names_returns_name_when_condition_is_missing(tmp_path):
    (tmp_path / "test_example.py").write_text("def test_model_fits(): ...\n")
    assert list(find_wrong_names(tmp_path)) == ["test_example.py:1: test_model_fits"]


def find_repeated_classes(folder: Path) -> dict[str, list[str]]:
    """Return the files of each public class whose name exists more than once."""
    files = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files[node.name].append(str(path.relative_to(folder)))
    return {name: paths for name, paths in files.items() if len(paths) > 1}


def test_find_repeated_classes_is_empty_when_folder_is_source():
    assert find_repeated_classes(ROOT / "src") == {}


def test_find_repeated_classes_returns_files_when_name_is_twice(tmp_path):
    (tmp_path / "a.py").write_text("class Cost: ...\n\n\nclass _Parser: ...\n")
    (tmp_path / "b.py").write_text("class Cost: ...\n\n\nclass _Parser: ...\n")
    assert find_repeated_classes(tmp_path) == {"Cost": ["a.py", "b.py"]}
