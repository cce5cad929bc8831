"""Tests that paths of results are written only in `snugnet.core.paths`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from snugnet.core.akida_program import PROGRAM_FILE
from snugnet.core.paths import ResultPath
from tests.paths import ROOT

# Names of result files; those with a wildcard and folders are left out.
LAST_PARTS = {PROGRAM_FILE, *(path.rpartition("/")[2] for path in ResultPath)}
FILE_NAMES = {name for name in LAST_PARTS if "." in name and "{" not in name}
# Folders of the stages, such as `models`.
STAGES = {path.partition("/")[0] for path in ResultPath if "/" in path}
DEFINITIONS = {"src/snugnet/core/paths.py", "src/snugnet/core/akida_program.py"}
# Names of temporary files.
EXCEPTIONS = {
    "src/snugnet/akida/preflight.py": {"model.fbz"},
    "src/snugnet/analysis/candidates.py": {"model.tflite"},
    "src/snugnet/services/model_files.py": {"model.tflite"},
    "src/snugnet/tflite/debug.py": {"model.tflite"},
}


def list_literals(path: Path) -> list[str]:
    """List the string literals of a file; `{}` replaces the expressions in f-strings."""
    if path.suffix != ".py":  # Snakemake's language is not Python
        lines = [line.partition("#")[0] for line in path.read_text().splitlines()]
        literals = [text for line in lines for text in re.findall(r'"([^"]*)"', line)]
        return [re.sub(r"\{[^}]*\}", "{}", text) for text in literals]
    nodes = list(ast.walk(ast.parse(path.read_text())))
    strings = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for string in strings for part in string.values}
    constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in parts]
    return [
        *("".join(map(get_text, string.values)) for string in strings),
        *(node.value for node in constants if isinstance(node.value, str)),
    ]


def get_text(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "{}"


def find_result_paths(path: Path) -> Iterator[str]:
    """Yield the literals of a file that are paths of results.

    Literals with spaces are docstrings, messages and other texts.
    """
    for literal in list_literals(path):
        is_text = bool(re.search(r"\s", literal))
        stage, slash, _ = literal.partition("/")
        is_in_stage = bool(slash) and stage in STAGES
        if not is_text and (is_in_stage or literal.rpartition("/")[2] in FILE_NAMES):
            yield literal


def test_source_has_no_result_path_when_paths_module_defines_it():
    folders = (ROOT / "src" / "snugnet", ROOT / "workflow")
    files = [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".smk") or path.name == "Snakefile"
    ]
    literals_by_file = {
        path.relative_to(ROOT).as_posix(): set(find_result_paths(path)) for path in files
    }
    paths = {name: literals for name, literals in literals_by_file.items() if literals}
    assert paths.keys() >= DEFINITIONS
    assert {name: paths[name] for name in paths.keys() - DEFINITIONS} == EXCEPTIONS


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("a.py", 'read("gate.json")', ["gate.json"]),
        ("a.py", 'read(f"{folder}/model.fbz")', ["{}/model.fbz"]),
        ("a.py", 'read(f"data/{name}/{split}.npz")', ["data/{}/{}.npz"]),
        ("a.py", "read(f\"{files['model.h5']}.txt\")", ["model.h5"]),
        ("a.py", '"""Rows of metrics.csv."""\nfail("no gate.json")  # gate.json', []),
        ("a.py", 'read("index.html.j2", "data", "other.json")', []),
        ("a.smk", 'stats="models/{model}/stats.json",  # "gate.json"', ["models/{}/stats.json"]),
        ("a.smk", '"<results>/logs/verify/{model}.log"', []),
    ],
)
def test_find_result_paths_returns_literal_when_it_is_a_result(tmp_path, name, source, expected):
    path = tmp_path / name
    path.write_text(source)
    assert list(find_result_paths(path)) == expected
